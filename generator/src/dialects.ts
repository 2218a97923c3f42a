/**
 * What the printer must know of each language: indentation, comments, imports. Everything else about a language is the
 * knowledge of its target.
 */
import type { CommentSyntax } from "./header.js";

export interface ImportRequest {
  /** Module specifier, Python module or Go import path. */
  from: string;
  /** The symbol; absent imports the module itself (`import json`, `"net/url"`, `import * as x`). */
  name?: string;
  alias?: string;
  /** TypeScript: `import type`. Python: under `if TYPE_CHECKING:`. */
  typeOnly?: boolean;
}

export interface Dialect {
  indent: string;
  /** Columns at which comments wrap, indentation included. */
  width: number;
  marker: CommentSyntax;
  lineComment: string;
  /** Renders wrapped lines as the documentation of what follows (Python: of what encloses). */
  doc(lines: string[]): string[];
  /** How the text refers to an import. */
  localName(request: ImportRequest): string;
  imports(requests: ImportRequest[]): string[];
}

function lastSegment(path: string, separator: string): string {
  return path.slice(path.lastIndexOf(separator) + 1);
}

function byText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function groupByModule(requests: ImportRequest[]): [string, ImportRequest[]][] {
  const groups = new Map<string, ImportRequest[]>();
  for (const request of requests) groups.set(request.from, [...(groups.get(request.from) ?? []), request]);
  return [...groups].sort(([left], [right]) => byText(left, right));
}

export const TYPESCRIPT: Dialect = {
  indent: "  ",
  width: 110,
  marker: "slash",
  lineComment: "//",
  doc(lines) {
    const safe = lines.map((line) => line.replaceAll("*/", "*\\/"));
    if (safe.length === 1) return [`/** ${safe[0]} */`];
    return ["/**", ...safe.map((line) => ` * ${line}`.trimEnd()), " */"];
  },
  localName: (request) => request.alias ?? request.name ?? lastSegment(request.from, "/"),
  imports(requests) {
    return groupByModule(requests).flatMap(([from, group]) => {
      const lines = group
        .filter((item) => item.name === undefined)
        .map(
          (item) =>
            `import ${item.typeOnly ? "type " : ""}* as ${this.localName(item)} from ${JSON.stringify(from)};`,
        );
      const named = group
        .filter((item) => item.name !== undefined)
        .sort((a, b) => byText(a.name ?? "", b.name ?? ""));
      if (named.length === 0) return lines;
      const allTypes = named.every((item) => item.typeOnly);
      const names = named.map((item) => {
        const type = item.typeOnly && !allTypes ? "type " : "";
        return `${type}${item.name}${item.alias ? ` as ${item.alias}` : ""}`;
      });
      const keyword = allTypes ? "import type" : "import";
      return [...lines, `${keyword} { ${names.join(", ")} } from ${JSON.stringify(from)};`];
    });
  },
};

/** Packages outside Python's standard library that generated code may import; isort order puts them in a group of their own. */
const PYTHON_THIRD_PARTY = new Set(["httpx2", "msgspec", "typing_extensions"]);

function pythonGroup(from: string): number {
  if (from === "__future__") return 0;
  if (from.startsWith(".")) return 3;
  return PYTHON_THIRD_PARTY.has(from.split(".")[0] ?? from) ? 2 : 1;
}

function pythonImports(requests: ImportRequest[]): string[] {
  const groups: string[][] = [[], [], [], []];
  const whole = requests.filter((request) => request.name === undefined);
  for (const request of [...whole].sort((a, b) => byText(a.from, b.from))) {
    groups[pythonGroup(request.from)]?.push(
      `import ${request.from}${request.alias ? ` as ${request.alias}` : ""}`,
    );
  }
  const modules = groupByModule(requests.filter((request) => request.name !== undefined));
  // isort puts `..parent` before `.sibling`; the sort is stable, so names keep their order otherwise.
  modules.sort(([left], [right]) => leadingDots(right) - leadingDots(left));
  for (const [from, group] of modules) {
    const names = group
      .map((item) => `${item.name}${item.alias ? ` as ${item.alias}` : ""}`)
      .sort(pythonNameOrder);
    groups[pythonGroup(from)]?.push(`from ${from} import ${names.join(", ")}`);
  }
  return groups.filter((group) => group.length > 0).map((group) => group.join("\n"));
}

function leadingDots(module: string): number {
  return module.length - module.replace(/^\.+/, "").length;
}

/** isort's order of names in one statement: CONSTANTS, Classes, functions. */
function pythonNameOrder(left: string, right: string): number {
  const rank = (name: string) =>
    /^_*[A-Z0-9_]+$/.test(name) && name.length > 1 ? 0 : /^_*[A-Z]/.test(name) ? 1 : 2;
  return rank(left) - rank(right) || byText(left, right);
}

export const PYTHON: Dialect = {
  indent: "    ",
  width: 110,
  marker: "hash",
  lineComment: "#",
  doc(lines) {
    const safe = lines.map((line) => line.replaceAll("\\", "\\\\").replaceAll('"""', '\\"\\"\\"'));
    const [first = ""] = safe;
    if (safe.length === 1) return [`"""${first}${first.endsWith('"') ? " " : ""}"""`];
    return [`"""${first}`, ...safe.slice(1), '"""'];
  },
  localName: (request) => request.alias ?? request.name ?? request.from,
  imports(requests) {
    const guarded = requests.filter((request) => request.typeOnly);
    const plain = requests.filter((request) => !request.typeOnly);
    if (guarded.length > 0 && !plain.some((request) => request.name === "TYPE_CHECKING")) {
      plain.push({ from: "typing", name: "TYPE_CHECKING" });
    }
    const sections = pythonImports(plain);
    if (guarded.length > 0) {
      const body = pythonImports(guarded).join("\n\n").split("\n");
      sections.push(
        ["if TYPE_CHECKING:", ...body.map((line) => (line === "" ? "" : `    ${line}`))].join("\n"),
      );
    }
    return sections.length === 0 ? [] : sections.join("\n\n").split("\n");
  },
};

export const GO: Dialect = {
  indent: "\t",
  width: 100,
  marker: "slash",
  lineComment: "//",
  doc: (lines) => lines.map((line) => `// ${line}`.trimEnd()),
  localName: (request) => request.alias ?? lastSegment(request.from, "/"),
  imports(requests) {
    if (requests.length === 0) return [];
    const entries = requests.map(
      (request) => `${request.alias ? `${request.alias} ` : ""}${JSON.stringify(request.from)}`,
    );
    const isStandard = (entry: string) => !entry.includes(".");
    const standard = entries.filter(isStandard).sort(byText);
    const others = entries.filter((entry) => !isStandard(entry)).sort(byText);
    const gap = standard.length > 0 && others.length > 0 ? [""] : [];
    return [
      "import (",
      ...[...standard, ...gap, ...others].map((entry) => (entry === "" ? "" : `\t${entry}`)),
      ")",
    ];
  },
};

/**
 * Wraps prose at `width` columns. Paragraphs, list items and `@tags` are reflowed; fenced code and tables keep their
 * lines.
 */
export function wrapText(text: string, width: number): string[] {
  const lines: string[] = [];
  let fenced = false;
  let paragraph: { indent: string; words: string[] } | undefined;
  const flush = () => {
    if (paragraph) lines.push(...fill(paragraph.words, paragraph.indent, width));
    paragraph = undefined;
  };
  for (const raw of text.split("\n")) {
    const line = raw.trimEnd();
    if (/^\s*```/.test(line)) {
      flush();
      fenced = !fenced;
      lines.push(line);
    } else if (fenced || /^\s*\|/.test(line)) {
      flush();
      lines.push(line);
    } else if (line === "") {
      flush();
      if (lines.length > 0) lines.push("");
    } else {
      const bullet = /^(\s*)([-*]|\d+\.)\s/.exec(line);
      const tag = /^@\w+/.test(line);
      if (bullet || tag || !paragraph) {
        flush();
        paragraph = { indent: bullet ? " ".repeat(bullet[0].length) : tag ? "  " : "", words: [] };
      }
      const words = line.trim().split(/\s+/);
      if (bullet) words[0] = `${bullet[1] ?? ""}${words[0] ?? ""}`;
      paragraph.words.push(...words);
    }
  }
  flush();
  while (lines[lines.length - 1] === "") lines.pop();
  return lines;
}

function fill(words: string[], indent: string, width: number): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of words) {
    const candidate = current === "" ? word : `${current} ${word}`;
    if (current !== "" && candidate.length > width) {
      lines.push(current);
      current = indent + word;
    } else {
      current = candidate;
    }
  }
  return current === "" ? lines : [...lines, current];
}
