/**
 * `openapi.yaml` to the neutral model: read, refuse what we do not support, build, check that the hints fit together.
 */
import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import { buildErrorCodes } from "./build/errors.js";
import { buildOperation, METHODS } from "./build/operation.js";
import { buildOverloads } from "./build/overload.js";
import { markReach } from "./build/reach.js";
import { buildType } from "./build/schema.js";
import type { Api, NamedType, Operation } from "./model.js";
import { splitWords } from "./names.js";
import { routeText } from "./route-text.js";
import { SpecError, type SpecNode, SpecSource } from "./spec-source.js";

export interface LoadedSpec {
  api: Api;
  source: SpecSource;
}

/**
 * Reads and builds the spec at `path`. File names in messages are relative to the working directory.
 * @throws SpecError naming file, line, rule and remedy
 */
export async function loadSpec(path: string): Promise<LoadedSpec> {
  const source = await readSpec(path);
  return { api: buildApi(source.root), source };
}

/** Reads the spec without building it. @throws SpecError when it cannot be read or is not YAML */
export async function readSpec(path: string): Promise<SpecSource> {
  const file = relative(process.cwd(), path) || path;
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SpecError(file, 1, `the spec cannot be read: ${reason}`);
  });
  return new SpecSource(file, text);
}

export function buildApi(root: SpecNode): Api {
  const version = root.need("openapi").string();
  if (!version.startsWith("3.1."))
    root.need("openapi").fail(`openapi ${version} is not supported; write 3.1`);
  const info = root.need("info");
  const operations = buildOperations(root);
  const types = (root.get("components")?.get("schemas")?.entries() ?? []).map(([name, node]) =>
    buildNamedType(name, node),
  );
  markReach(types, operations);
  return {
    title: info.need("title").string(),
    version: info.need("version").string(),
    doc: info.text("description"),
    tags: (root.get("tags")?.items() ?? []).map((tag) => ({
      name: tag.need("name").string(),
      doc: tag.text("description"),
    })),
    operations,
    types,
    errorCodes: buildErrorCodes(root),
  };
}

function buildOperations(root: SpecNode): Operation[] {
  const seen = new Map<string, string>();
  const operations: Operation[] = [];
  for (const [path, item] of root.need("paths").entries()) {
    for (const method of METHODS) {
      const node = item.get(method);
      if (!node) continue;
      const base = buildOperation(path, method, node, item);
      for (const operation of [base, ...buildOverloads(node, base)]) {
        const other = seen.get(operation.id);
        if (other)
          node.fail(`operation ${operation.id} is declared twice, here and at ${other}; ids must be unique`);
        seen.set(operation.id, routeText(operation));
        operations.push(operation);
      }
    }
  }
  return operations;
}

function buildNamedType(name: string, node: SpecNode): NamedType {
  if (!/^[A-Z][A-Za-z0-9]*$/.test(name))
    node.fail(`schema ${name}: names in components.schemas must be PascalCase`);
  const tsType = node.get("x-hev-ts-type")?.string();
  const example = node.get("example")?.value ?? node.get("examples")?.items()[0]?.value;
  return {
    name,
    words: splitWords(name),
    doc: node.text("description"),
    type: buildType(node),
    request: false,
    response: false,
    ...(tsType === undefined ? {} : { tsType }),
    ...(example === undefined ? {} : { example }),
  };
}
