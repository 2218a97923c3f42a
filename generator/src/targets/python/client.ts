/**
 * `client.py` and `async_client.py` from one template: a method for each operation, typed twice because `with_perf`
 * changes what comes back, and a walking method for each listing.
 */
import { PYTHON } from "../../dialects.js";
import type { Api, Operation, Param } from "../../model.js";
import { iterWords, snake, waitWords } from "../../names.js";
import { Printer } from "../../printer.js";
import { Annotations, pythonName, pythonString } from "./annotations.js";
import { exampleCall } from "./example.js";
import { operationConstant } from "./operations.js";
import { type Reach, reachOf, resolve } from "./reach.js";

export type Mode = "sync" | "async";

/** Keywords that every method has already. */
const TAKEN = new Set([
  "self",
  "body",
  "options",
  "with_perf",
  "timeout",
  "total_timeout",
  "max_retries",
  "headers",
  "extra_query",
  "extra_body",
]);

const SURFACE = {
  sync: {
    name: "Hevlayer",
    base: "SyncClient",
    pages: "Pages",
    doc: "Client for Layer. One method for each operation; options common to all calls are in `CallOptions`.",
  },
  async: {
    name: "AsyncHevlayer",
    base: "AsyncClient",
    pages: "AsyncPages",
    doc: "Asyncio client for Layer. The same surface as `Hevlayer`, awaited.",
  },
} as const;

export function emitClient(api: Api, mode: Mode): string {
  const out = new Printer(PYTHON).preamble(`"""The ${mode} client."""`);
  out.import({ from: "__future__", name: "annotations" });
  out.import({ from: ".", name: "operations" });
  const emitter = new ClientEmitter(out, reachOf(api), mode);
  const surface = SURFACE[mode];
  const base = emitter.types.runtime(surface.base);
  out
    .blank()
    .blank()
    .block(`class ${surface.name}(${base}):`, () => {
      out.doc(surface.doc);
      for (const operation of api.operations) {
        emitter.emitOperation(operation);
        if (operation.page && operation.page !== "none") emitter.emitWalk(operation, operation.page);
        if (operation.wait) emitter.emitWaiter(operation);
      }
    });
  return out.toString();
}

/** One argument of a method. */
interface Argument {
  name: string;
  annotation: string;
  /** As written in the signature; undefined for required arguments. */
  initial?: string;
  param?: Param;
}

class ClientEmitter {
  readonly types: Annotations;
  readonly #out: Printer;
  readonly #reach: Reach;
  readonly #mode: Mode;

  constructor(out: Printer, reach: Reach, mode: Mode) {
    this.#out = out;
    this.#reach = reach;
    this.#mode = mode;
    this.types = new Annotations(out, reach, ".models");
  }

  emitOperation(operation: Operation): void {
    const result = this.#resultOf(operation);
    const layered = `${this.types.runtime("LayerResponse")}[${result}]`;
    const literal = this.types.standard("Literal");
    const overload = this.types.standard("overload");
    const positional = this.#positional(operation);
    const keywords = this.#keywords(operation);
    const declare = (withPerf: string, returns: string, end: string) =>
      `${this.#def()} ${snake(operation.words)}(${this.#signature(positional, [...keywords, withPerf])}) -> ${returns}:${end}`;
    this.#out.blank();
    this.#out.line(`@${overload}`, declare(`with_perf: ${literal}[True]`, layered, " ...")).blank();
    this.#out.line(`@${overload}`, declare(`with_perf: ${literal}[False] = False`, result, " ...")).blank();
    this.#out.block(declare("with_perf: bool = False", `${result} | ${layered}`, ""), () => {
      this.#out
        .doc(this.#docOf(operation))
        .line(`return ${this.#await()}self._call(${this.#callOf(operation, result)})`);
    });
  }

  /** The method beside a listing that walks its pages. */
  emitWalk(operation: Operation, page: Exclude<Operation["page"], "none" | undefined>): void {
    const cursor = operation.queryParams.find((param) => param.wire === page.cursor);
    if (!cursor)
      throw new Error(`operation ${operation.id}: x-hev-page names ${page.cursor}, which is no parameter`);
    const listing = snake(operation.words);
    const positional = this.#positional(operation);
    const result = this.#resultOf(operation);
    const pages = `${this.types.runtime(SURFACE[this.#mode].pages)}[${result}, ${this.#itemOf(operation, page.items)}]`;
    const passed = [
      ...positional.map((argument) => argument.name),
      ...operation.queryParams.map((param) => {
        const name = argumentName(param);
        return `${name}=${param === cursor ? "at" : name}`;
      }),
      "**options",
    ].join(", ");
    const items = page.items === undefined ? "page" : this.#fieldOf(operation, page.items);
    this.#out.blank();
    const signature = this.#signature(positional, this.#keywords(operation));
    this.#out.block(`def ${snake(iterWords(operation.words))}(${signature}) -> ${pages}:`, () => {
      const loop = this.#mode === "sync" ? "for" : "async for";
      this.#out.doc(
        `Walk \`${listing}\`: \`${loop} item in …\` goes over the items of all pages, \`by_page()\` over whole pages. ` +
          `Starts at \`${argumentName(cursor)}\`, asks for a page when it is needed, and takes the same arguments.`,
      );
      this.#out.block(
        `return ${this.types.runtime(SURFACE[this.#mode].pages)}(`,
        () => {
          this.#out.line(`lambda at: self.${listing}(${passed}),`);
          this.#out.line(`operation_id=${pythonString(operation.id)},`);
          this.#out.line(`items=lambda page: ${items},`);
          this.#out.line(`next_cursor=lambda page: ${this.#nextOf(operation, page.next, items)},`);
          this.#out.line(`start=${argumentName(cursor)},`);
        },
        ")",
      );
    });
  }

  /** The method beside one that reads a job: it asks until the job has ended. */
  emitWaiter(operation: Operation): void {
    const result = this.#resultOf(operation);
    const positional = this.#positional(operation);
    const callable = this.#out.import({ from: "collections.abc", name: "Callable" });
    const keywords = [
      `on_progress: ${callable}[[${result}], object] | None = None`,
      "first_delay: float = 0.25",
      "delay_factor: float = 1.5",
      "max_delay: float = 5.0",
    ];
    const name = snake(waitWords(operation.words));
    const listed = positional.map(({ name: argument, param }) => `- \`${argument}\`: ${param?.doc.trim()}`);
    listed.push(
      `- \`on_progress\`: called with the job after every answer${this.#await() === "" ? "" : ", and awaited where it is async"}. What it raises ends the wait.`,
    );
    listed.push(
      "- `first_delay`, `delay_factor`, `max_delay`: seconds between the first two requests, by how much each next pause is longer, and the longest in seconds.",
    );
    listed.push("- `total_timeout`: seconds for the whole wait. Default 600.");
    const asked = snake(operation.words);
    const example = `${this.#await()}client.${name}(${positional.map((argument) => pythonString(argument.name)).join(", ")})`;
    const doc = [
      `Wait for a job to end: ask \`${asked}\` until then, and return the job as it ended. Options apply to every request.`,
      "Raises JobFailedError when the job failed, WaitTimeoutError when it runs on; both carry the job.",
      listed.join("\n"),
      `\`\`\`python\njob = ${example}\n\`\`\``,
    ];
    const path = positional.map((argument) => `${argument.name},`).join(" ");
    this.#out.blank();
    this.#out.block(`${this.#def()} ${name}(${this.#signature(positional, keywords)}) -> ${result}:`, () => {
      this.#out.doc(doc.join("\n\n"));
      this.#out.line(
        `return ${this.#await()}self._wait(operations.${operationConstant(operation)}, ${result}, path=(${path}), on_progress=on_progress, pace=(first_delay, delay_factor, max_delay), options=options)`,
      );
    });
  }

  #def(): string {
    return this.#mode === "async" ? "async def" : "def";
  }

  #await(): string {
    return this.#mode === "async" ? "await " : "";
  }

  #signature(positional: readonly Argument[], keywords: readonly string[]): string {
    const options = `**options: ${this.types.standard("Unpack")}[${this.types.runtime("CallOptions")}]`;
    const spelled = positional.map(
      ({ name, annotation, initial }) =>
        `${name}: ${annotation}${initial === undefined ? "" : ` = ${initial}`}`,
    );
    const star = keywords.length > 0 ? ["*", ...keywords] : [];
    return ["self", ...spelled, ...star, options].join(", ");
  }

  #positional(operation: Operation): Argument[] {
    const path: Argument[] = operation.pathParams.map((param) => ({
      name: argumentName(param),
      annotation: this.types.of(param.type, "request"),
      param,
    }));
    if (!operation.body) return path;
    const annotation = this.#bodyAnnotation(operation);
    const body: Argument = operation.body.required
      ? { name: "body", annotation }
      : { name: "body", annotation: `${annotation} | None`, initial: "None" };
    return [...path, body];
  }

  /** Passthrough bodies are Turbopuffer's to judge, so any mapping goes. */
  #bodyAnnotation(operation: Operation): string {
    const type = operation.body?.type ?? { kind: "any", nullable: true };
    const annotation = this.types.of(type, "request");
    if (resolve(type, this.#reach.named).kind !== "object") return annotation;
    if (operation.kind === "passthrough") {
      return `${annotation} | ${this.types.abstract("Mapping")}[str, ${this.types.any()}]`;
    }
    return `${annotation} | ${this.types.runtime("Model")}`;
  }

  #keywords(operation: Operation): string[] {
    return [...operation.queryParams, ...operation.headerParams].map((param) => {
      const annotation = this.types.of(param.type, "request");
      if (param.required) return `${argumentName(param)}: ${annotation}`;
      const omit = this.types.runtime("Omit");
      return `${argumentName(param)}: ${annotation} | ${omit} = ${this.types.runtime("OMIT")}`;
    });
  }

  #callOf(operation: Operation, result: string): string {
    const named = (params: readonly Param[]) =>
      `{${params.map((param) => `${pythonString(param.wire)}: ${argumentName(param)}`).join(", ")}}`;
    const path = operation.pathParams.map(argumentName);
    const parts = [`operations.${operationConstant(operation)}`, result === "None" ? "type(None)" : result];
    if (path.length > 0) parts.push(`path=(${path.join(", ")}${path.length === 1 ? "," : ""})`);
    if (operation.queryParams.length > 0) parts.push(`query=${named(operation.queryParams)}`);
    if (operation.headerParams.length > 0) parts.push(`headers=${named(operation.headerParams)}`);
    if (operation.body) parts.push("body=body");
    return [...parts, "with_perf=with_perf", "options=options"].join(", ");
  }

  /** What the method returns: the model, a plain dict or list for passthroughs, text, or nothing. */
  #resultOf(operation: Operation): string {
    const { type, contentType } = operation.success;
    if (!type) return "None";
    if (!contentType.includes("json")) return "str";
    const resolved = resolve(type, this.#reach.named);
    if (resolved.kind === "object" && operation.kind !== "passthrough")
      return this.types.of(type, "response");
    if (resolved.kind === "object" || resolved.kind === "map") return `dict[str, ${this.types.any()}]`;
    if (resolved.kind !== "array") return "object";
    return operation.kind === "passthrough"
      ? `list[${this.types.any()}]`
      : this.types.of(resolved, "response");
  }

  #isPlain(operation: Operation): boolean {
    return operation.kind === "passthrough";
  }

  #itemOf(operation: Operation, field: string | undefined): string {
    const { type } = operation.success;
    const body = type && resolve(type, this.#reach.named);
    const list =
      field === undefined
        ? body
        : body?.kind === "object" && body.fields.find((item) => item.wire === field)?.type;
    if (this.#isPlain(operation) || !list || list.kind !== "array") return `dict[str, ${this.types.any()}]`;
    return this.types.of(list.items, "response");
  }

  #fieldOf(operation: Operation, wire: string): string {
    if (this.#isPlain(operation)) return `page[${pythonString(wire)}]`;
    const { type } = operation.success;
    const body = type && resolve(type, this.#reach.named);
    const field = body?.kind === "object" ? body.fields.find((item) => item.wire === wire) : undefined;
    return field ? `page.${pythonName(field.words)}` : `page[${pythonString(wire)}]`;
  }

  #nextOf(operation: Operation, next: { field: string } | { lastItem: string }, items: string): string {
    if ("field" in next) {
      // Absent on the last page, which a plain dict would answer with KeyError.
      return this.#isPlain(operation)
        ? `page.get(${pythonString(next.field)})`
        : this.#fieldOf(operation, next.field);
    }
    return `${items}[-1][${pythonString(next.lastItem)}] if ${items} else None`;
  }

  #docOf(operation: Operation): string {
    const args = [...operation.pathParams, ...operation.queryParams, ...operation.headerParams]
      .filter((param) => param.doc !== "")
      .map((param) => `- \`${argumentName(param)}\`: ${param.doc.trim()}`);
    const parts = [`${operation.summary}.`, operation.doc.trim()];
    if (args.length > 0) parts.push(args.join("\n"));
    const example = exampleCall(operation, argumentName, this.#await());
    if (example) parts.push(`\`\`\`python\n${example}\n\`\`\``);
    return parts.filter((part) => part !== "").join("\n\n");
  }
}

/** The Python argument of a parameter; a clash with the common options gets an underscore. */
function argumentName(param: Param): string {
  const words = param.in === "header" ? headerWords(param.words) : param.words;
  const name = pythonName(words);
  return TAKEN.has(name) ? `${name}_` : name;
}

/** `x-hevlayer-search-query` is `search_query` to a caller. */
function headerWords(words: readonly string[]): readonly string[] {
  const rest = words.filter((word, index) => !(index < 2 && (word === "x" || word === "hevlayer")));
  return rest.length > 0 ? rest : words;
}
