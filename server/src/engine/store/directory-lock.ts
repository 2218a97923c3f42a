/**
 * One process per data directory. Indexes live in memory, so a second writer would be invisible to the first. The lock
 * is a file naming its owner; it counts only while that very process lives, so a kill never blocks a restart.
 */
import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { isRunning, ownIdentity, type ProcessIdentity } from "./process-identity.js";

export interface LockOptions {
  /** How long to wait for a dying owner. 10 s by default: longer than its drain. */
  waitMs?: number;
  pollMs?: number;
}

/** An owner on another host, or in another container, cannot be asked; it must refresh the file this often. */
const HEARTBEAT_MS = 2_000;
const FOREIGN_STALE_MS = 8_000;

/**
 * Refreshes the file on a thread of its own, because a long request holds the main one. An owner that was asleep for so long
 * that another has taken its place must write no more: it is ended on the spot.
 */
const HEARTBEAT = `
  const { fstatSync, futimesSync, statSync, writeSync } = require("node:fs");
  const { fd, path, everyMs } = require("node:worker_threads").workerData;
  const inodeAt = () => { try { return statSync(path).ino; } catch { return null; } };
  setInterval(() => {
    const now = new Date();
    try { futimesSync(fd, now, now); } catch {}
    const inode = inodeAt();
    if (inode === null || inode === fstatSync(fd).ino) return;
    writeSync(2, JSON.stringify({ level: "error", msg: "another process took the data directory, this one ends", lock: path }) + "\\n");
    process.kill(process.pid, "SIGKILL");
  }, everyMs);`;

export class DirectoryLock {
  private readonly fd: number;
  private readonly heartbeat: Worker;

  private constructor(
    private readonly path: string,
    private readonly text: string,
  ) {
    this.fd = openSync(path, "r+");
    const workerData = { fd: this.fd, path, everyMs: HEARTBEAT_MS };
    this.heartbeat = new Worker(HEARTBEAT, { eval: true, workerData, execArgv: [], env: {} });
    this.heartbeat.unref();
  }

  /** Takes the lock, waiting briefly for an owner that is going away. Throws when a live one keeps it. */
  static async acquire(
    directory: string,
    { waitMs = 10_000, pollMs = 50 }: LockOptions = {},
  ): Promise<DirectoryLock> {
    mkdirSync(directory, { recursive: true });
    const path = join(directory, "engine.lock");
    const text = newOwnerText();
    const deadline = Date.now() + waitMs;
    for (;;) {
      const owner = take(path, text);
      if (owner === null) return new DirectoryLock(path, text);
      if (Date.now() >= deadline) {
        throw new Error(
          `data directory ${directory} is in use by process ${owner.pid} on ${owner.host}: stop it or use another directory`,
        );
      }
      await sleep(pollMs);
    }
  }

  async release(): Promise<void> {
    await this.heartbeat.terminate();
    closeSync(this.fd);
    clear(this.path, this.text);
  }
}

/** Names this process, and no two alike: a file with this text is of one owner and of one time. */
function newOwnerText(): string {
  return JSON.stringify({ ...ownIdentity(), token: randomUUID() });
}

/** Takes a lock that nobody alive has; else gives who has it. */
function take(path: string, text: string): ProcessIdentity | null {
  for (;;) {
    if (create(path, text)) return null;
    const found = read(path);
    if (found === null) continue;
    const owner = parseOwner(found);
    if (owner !== null && isAlive(owner, path)) return owner;
    const other = clear(path, found);
    if (other !== null) return other;
  }
}

/**
 * Removes the file with this text, of an owner that is dead or gives it up; or gives who is about to. Several may find it dead
 * at once, and one that acted on an earlier look would remove the file of the next owner: so only who holds a lock named
 * after the very text may remove it, and looks again first.
 */
function clear(path: string, text: string): ProcessIdentity | null {
  const claim = `${path}.${createHash("sha256").update(text).digest("hex").slice(0, 32)}`;
  const other = take(claim, newOwnerText());
  if (other !== null) return other;
  try {
    if (read(path) === text) rmSync(path, { force: true });
  } finally {
    rmSync(claim, { force: true });
  }
  return null;
}

/** Creates the file with its content in one step: a reader never sees it empty. */
function create(path: string, text: string): boolean {
  const draft = `${path}.${randomUUID()}`;
  writeFileSync(draft, text);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function parseOwner(text: string): ProcessIdentity | null {
  try {
    return JSON.parse(text) as ProcessIdentity;
  } catch {
    return null;
  }
}

function isAlive(owner: ProcessIdentity, path: string): boolean {
  const running = isRunning(owner);
  return running === "unknown" ? Date.now() - modifiedAt(path) < FOREIGN_STALE_MS : running;
}

function modifiedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}
