/**
 * One process per data directory. Indexes live in memory, so a second writer would be invisible to the first. The lock
 * is a file naming its owner; it counts only while that very process lives, so a kill never blocks a restart.
 */
import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

interface Owner {
  pid: number;
  host: string;
  /** Tells a process from a later one with the same pid; null where the system does not say. */
  startedAt: string | null;
}

export interface LockOptions {
  /** How long to wait for a dying owner. 10 s by default: longer than its drain. */
  waitMs?: number;
  pollMs?: number;
}

/** An owner on another host (a container that is gone, say) cannot be asked; it must refresh the file this often. */
const HEARTBEAT_MS = 2_000;
const FOREIGN_STALE_MS = 8_000;

export class DirectoryLock {
  private readonly heartbeat: NodeJS.Timeout;

  private constructor(private readonly path: string) {
    this.heartbeat = setInterval(() => {
      const now = new Date();
      try {
        utimesSync(path, now, now);
      } catch {
        // The directory was removed under us; there is nothing left to guard.
      }
    }, HEARTBEAT_MS);
    this.heartbeat.unref();
  }

  /** Takes the lock, waiting briefly for an owner that is going away. Throws when a live one keeps it. */
  static async acquire(
    directory: string,
    { waitMs = 10_000, pollMs = 50 }: LockOptions = {},
  ): Promise<DirectoryLock> {
    mkdirSync(directory, { recursive: true });
    const path = join(directory, "engine.lock");
    const deadline = Date.now() + waitMs;
    for (;;) {
      if (tryCreate(path)) return new DirectoryLock(path);
      const owner = readOwner(path);
      if (owner === "gone") continue;
      if (owner === "unreadable" || !isAlive(owner, path)) {
        discard(path, owner);
        continue;
      }
      if (Date.now() >= deadline) {
        throw new Error(
          `data directory ${directory} is in use by process ${owner.pid} on ${owner.host}: stop it or use another directory`,
        );
      }
      await sleep(pollMs);
    }
  }

  release(): void {
    clearInterval(this.heartbeat);
    rmSync(this.path, { force: true });
  }
}

/** Creates the file with its content in one step: a reader never sees it empty. */
function tryCreate(path: string): boolean {
  const owner: Owner = { pid: process.pid, host: hostname(), startedAt: startOf(process.pid) };
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(owner));
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

function readOwner(path: string): Owner | "gone" | "unreadable" {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return "gone";
  }
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return "unreadable";
  }
}

/**
 * Removes a dead owner's file. Two processes may find it dead at once and the first may already hold the lock by the
 * time the second acts: so it is moved aside first, looked at again, and put back when it is another owner's.
 */
function discard(path: string, dead: Owner | "unreadable"): void {
  const aside = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = readOwner(aside);
  if (JSON.stringify(moved) !== JSON.stringify(dead)) renameSync(aside, path);
  else rmSync(aside, { force: true });
}

function isAlive(owner: Owner, path: string): boolean {
  if (owner.host !== hostname()) return Date.now() - modifiedAt(path) < FOREIGN_STALE_MS;
  if (owner.pid === process.pid && owner.startedAt === startOf(process.pid)) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return owner.startedAt === startOf(owner.pid);
}

function modifiedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

/** Start time of a process in clock ticks since boot, where /proc gives it. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name may hold spaces and brackets; fields count from behind it. Start time is field 22.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
