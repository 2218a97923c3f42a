/** Every example in openapi.yaml is valid by its schema: what the docs show is what the server takes and gives. */
import { fileURLToPath } from "node:url";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { readSpec } from "../src/load.js";
import type { SpecNode } from "../src/spec-source.js";

const source = await readSpec(fileURLToPath(new URL("../../openapi.yaml", import.meta.url)));
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
for (const format of ["int64", "uint64"])
  ajv.addFormat(format, { type: "number", validate: Number.isInteger });
ajv.addSchema({ $id: "spec", ...(source.value as object) });

interface Shown {
  where: string;
  schema: string;
  value: unknown;
}

const pointer = (node: SpecNode): string =>
  `spec#/${node.path.map((key) => encodeURIComponent(String(key).replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`;

/** Examples of a parameter, header or body, with the schema beside them. */
function* examplesBeside(node: SpecNode): Generator<Shown> {
  const schema = node.get("schema");
  if (!schema) return;
  const single = node.get("example") ?? schema.get("example");
  if (single) yield { where: single.where, schema: pointer(schema), value: single.value };
  if (!node.get("examples")?.isObject) return;
  for (const [, named] of node.need("examples").entries()) {
    const value = named.deref().need("value");
    yield { where: value.where, schema: pointer(schema), value: value.value };
  }
}

function* walk(node: SpecNode): Generator<Shown> {
  if (node.isObject) {
    yield* examplesBeside(node);
    for (const [key, child] of node.entries()) if (key !== "value" && key !== "example") yield* walk(child);
  } else if (Array.isArray(node.value)) {
    for (const child of node.items()) yield* walk(child);
  }
}

function* schemaExamples(): Generator<Shown> {
  for (const [, schema] of source.root.need("components").need("schemas").entries()) {
    for (const example of schema.get("examples")?.items() ?? []) {
      yield { where: example.where, schema: pointer(schema), value: example.value };
    }
  }
}

describe("the spec's examples", () => {
  const shown = [...walk(source.root), ...schemaExamples()];

  it("are many", () => {
    expect(shown.length).toBeGreaterThan(100);
  });

  it.each(shown)("$where is valid", ({ schema, value }) => {
    const validate = ajv.getSchema(schema) as ValidateFunction;
    expect(validate(value), ajv.errorsText(validate.errors)).toBe(true);
  });
});
