/**
 * Compares emitted files with the tree and brings the tree up to date. Only files that differ are touched, so that
 * watchers and builds see real changes alone; only files that carry our marker are ever removed.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { format } from "./format.js";
import { isGenerated } from "./header.js";
import type { Api, EmitContext, EmittedFile, Target } from "./model.js";

/** How the tree differs from what the spec gives. Paths are relative to the repository root, sorted. */
export interface Drift {
  stale: EmittedFile[];
  missing: EmittedFile[];
  /** Generated files that no target emits any more. */
  extra: string[];
}

/** Emits one target and formats its files. @throws Error for a file outside the target's own prefixes */
export async function emitTarget(target: Target, api: Api, context: EmitContext): Promise<EmittedFile[]> {
  const files = await target.emit(api, context);
  return Promise.all(
    files.map(async ({ path, text }) => {
      if (!target.owned.some((prefix) => path.startsWith(prefix))) {
        throw new Error(
          `target ${target.name} emits ${path}, which is under none of its prefixes ${target.owned.join(", ")}`,
        );
      }
      return { path, text: await format(path, text) };
    }),
  );
}

/** Reads the tree under `root` and says what differs from `files`, which are all the files of `targets`. */
export async function findDrift(
  root: string,
  targets: readonly Target[],
  files: readonly EmittedFile[],
): Promise<Drift> {
  const drift: Drift = { stale: [], missing: [], extra: [] };
  for (const file of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const current = await readText(join(root, file.path));
    if (current === undefined) drift.missing.push(file);
    else if (current !== file.text) drift.stale.push(file);
  }
  const emitted = new Set(files.map((file) => file.path));
  for (const prefix of new Set(targets.flatMap((target) => target.owned))) {
    for (const path of await listFiles(root, prefix)) {
      if (emitted.has(path) || drift.extra.includes(path)) continue;
      if (isGenerated((await readText(join(root, path))) ?? "")) drift.extra.push(path);
    }
  }
  drift.extra.sort();
  return drift;
}

export async function applyDrift(root: string, drift: Drift): Promise<void> {
  for (const file of [...drift.stale, ...drift.missing]) {
    const path = join(root, file.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, file.text);
  }
  for (const path of drift.extra) await rm(join(root, path));
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
}

/** Folders that hold builds and installs, never our output. */
const SKIPPED = new Set(["node_modules", "dist", "__pycache__", ".venv"]);

/** Files below the folder of `prefix` whose path starts with it. */
async function listFiles(root: string, prefix: string): Promise<string[]> {
  const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  for (const entry of entries) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory()) {
      if (!SKIPPED.has(entry.name) && !entry.name.startsWith("."))
        found.push(...(await listFiles(root, `${path}/`)));
    } else if (path.startsWith(prefix)) {
      found.push(path);
    }
  }
  return found;
}
