/**
 * Opens an embedded store whose contents may be lost (a cache), beginning anew when its files are damaged. A process that
 * dies while it opens leaves its mark behind, so that files which kill it are not tried twice.
 */

import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { isInTransaction } from "./environment.js";
import { environmentDamage } from "./meta-pages.js";

const OPENING = "opening-";

/**
 * @param request.directory holds the store and nothing else
 * @param request.open opens it; may throw
 * @param request.probe reads enough to find damage; may throw
 * @param request.onDamage is told why the old files were dropped
 * @throws when even empty files cannot be opened
 */
export async function openUndamaged<T extends { close(): Promise<void> }>(request: {
  directory: string;
  open: () => T;
  probe: (store: T) => void;
  onDamage: (reason: string) => void;
}): Promise<T> {
  const { directory, open, probe, onDamage } = request;
  mkdirSync(directory, { recursive: true });
  const known = crashedWhileOpening(directory) ?? environmentDamage(directory);
  if (known === undefined) {
    const mark = path.join(directory, `${OPENING}${process.pid}`);
    let store: T | undefined;
    try {
      while (isInTransaction(directory)) await nextTurn();
      writeFileSync(mark, "");
      store = open();
      probe(store);
      return store;
    } catch (error) {
      if (isSystemError(error)) throw error;
      await store?.close().catch(() => undefined);
      onDamage(error instanceof Error ? error.message : String(error));
    } finally {
      rmSync(mark, { force: true });
    }
  } else onDamage(known);
  discard(directory);
  return open();
}

/** A disk that is full or may not be written is not damage, and dropping the files would not mend it. */
function isSystemError(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E(ACCES|PERM|ROFS|ISDIR|NOSPC|DQUOT|MFILE|NFILE)$/.test(code);
}

function crashedWhileOpening(directory: string): string | undefined {
  for (const name of readdirSync(directory)) {
    const pid = name.startsWith(OPENING) ? Number(name.slice(OPENING.length)) : Number.NaN;
    if (Number.isNaN(pid) || (pid !== process.pid && isRunning(pid))) continue;
    return `process ${pid} died while it opened ${directory}`;
  }
  return undefined;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Takes the files out of the way in one step, then removes them. */
function discard(directory: string): void {
  const aside = `${directory}.damaged-${process.pid}`;
  rmSync(aside, { recursive: true, force: true });
  renameSync(directory, aside);
  rmSync(aside, { recursive: true, force: true });
}
