/** Which process something belongs to, told so that another process can find out whether it still runs. */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Which pids those are: containers of one host name count their own, and so does the next boot. Null where the system does not say. */
  readonly space: string | null;
  /** Tells a process from a later one with the same pid; null where the system does not say. */
  readonly startedAt: string | null;
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, host: hostname(), space: pidSpace(), startedAt: startOf(process.pid) };
}

/** Whether a process runs, or "unknown" for one whose pids are not those seen here. */
export function isRunning({ pid, host, space, startedAt }: ProcessIdentity): boolean | "unknown" {
  if (host !== hostname() || space !== pidSpace()) return "unknown";
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return startedAt === startOf(pid);
}

function pidSpace(): string | null {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return null;
  }
}

/**
 * Start time of a process in clock ticks since boot, where /proc gives it; "ended" for one that nobody has yet waited for.
 * Its files are closed and its memory is gone, and in a container without an init it may stay like this for ever.
 */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name may hold spaces and brackets; fields count from behind it: the state is field 3 of all.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, threads, start] = [fields[0], Number(fields[17]), fields[19]];
    // Its first thread may be done before the others are.
    if ((state === "Z" || state === "X") && threads <= 1) return "ended";
    return start ?? null;
  } catch {
    return null;
  }
}
