/**
 * Formats emitted text with the formatter of its language, inside this process.
 *
 * WASM builds stand in for the native tools: no Go or Python is needed to generate, and each gives the bytes of the
 * command-line tool of its version. All are pinned exactly, since a formatter upgrade changes generated files.
 */
import { readFileSync } from "node:fs";
import { extname } from "node:path";

export type Formatter = (path: string, text: string) => string;

/** Line width of Python output; `clients/python/pyproject.toml` sets ruff to the same. */
export const PYTHON_LINE_WIDTH = 110;

const FORMATTERS: Readonly<Record<string, () => Promise<Formatter>>> = {
  ".ts": loadBiome,
  ".go": loadGofmt,
  ".py": loadRuff,
};
const loaded = new Map<string, Promise<Formatter>>();

/** Formats by extension; other extensions pass unchanged. Throws when the text does not parse: an emitter's defect. */
export async function format(path: string, text: string): Promise<string> {
  const extension = extname(path);
  const load = FORMATTERS[extension];
  if (!load) return text;
  const formatter = loaded.get(extension) ?? load();
  loaded.set(extension, formatter);
  return (await formatter)(path, text);
}

async function loadBiome(): Promise<Formatter> {
  const { Biome } = await import("@biomejs/js-api/nodejs");
  const biome = new Biome();
  const { projectKey } = biome.openProject();
  const config = JSON.parse(readFileSync(new URL("../../biome.json", import.meta.url), "utf8")) as {
    formatter: object;
  };
  biome.applyConfiguration(projectKey, { formatter: config.formatter });
  return (path, text) => {
    const result = biome.formatContent(projectKey, text, { filePath: path });
    const problem = result.diagnostics.find((item) => item.severity === "error" || item.severity === "fatal");
    if (problem) throw new Error(`format ${path}: ${problem.description}`);
    return result.content;
  };
}

async function loadGofmt(): Promise<Formatter> {
  const { format: gofmt } = await import("@wasm-fmt/gofmt");
  return (path, text) => withPath(path, () => gofmt(text));
}

async function loadRuff(): Promise<Formatter> {
  const { format: ruff } = await import("@wasm-fmt/ruff_fmt");
  return (path, text) =>
    withPath(path, () => ruff(text, path, { line_width: PYTHON_LINE_WIDTH, line_ending: "lf" }));
}

function withPath(path: string, run: () => string): string {
  try {
    return run();
  } catch (cause) {
    throw new Error(`format ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
