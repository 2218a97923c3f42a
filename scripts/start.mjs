/**
 * `npm start`: installs and builds whatever is missing or stale, then becomes the gateway.
 *
 * The gateway runs inside this process, not below it, so that no signal has to be passed on and nothing is left behind
 * when this process is killed. When the npm that started it dies without a word, it drains and leaves too; the script says
 * `exec`, so that no shell stands between the two.
 */
import { readFileSync } from "node:fs";
import { ensureBuilt, ensureNodeModules } from "./setup.mjs";
import { requireNode } from "./toolchain.mjs";

const PARENT_CHECK_MS = 1000;
/** Who started this. Noted before anything takes time, for it may be gone after that. */
const parent = process.ppid;

/** Ends this process, the ordinary way, once the one that started it is gone. */
function followParent() {
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGTERM");
  }, PARENT_CHECK_MS).unref();
}

try {
  requireNode();
  await ensureNodeModules();
  await ensureBuilt();
} catch (error) {
  process.stderr.write(`npm start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

followParent();
const manifest = JSON.parse(readFileSync(new URL("../server/package.json", import.meta.url), "utf8"));
const entry = new URL(`../server/${manifest.bin["hevlayer-gateway"]}`, import.meta.url);
process.argv.splice(1, 1, entry.pathname);
await import(entry.href);
