/**
 * Loaded into a process before its own code (`node --import`), so that the benchmark can ask it over IPC what it has used. The
 * process itself knows nothing of it.
 */

import { readFileSync } from "node:fs";

/** The turn of the event loop, since `watchLoop`, that took most CPU time: ms of it, and ms by the clock. */
let longest = { cpu: 0, elapsed: 0 };
let isWatching = false;
let turnedAt = 0;
let usedAt = 0;

function used() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * Turns without a pause, so that between two looks lies one turn. Threads of V8 work beside it, and other processes may take
 * the core away: its CPU time is at most the lesser of what the process used and what the clock says.
 */
function turn() {
  const now = performance.now();
  const usedNow = used();
  const elapsed = now - turnedAt;
  const cpu = Math.min(elapsed, (usedNow - usedAt) / 1_000);
  if (cpu > longest.cpu) longest = { cpu, elapsed };
  turnedAt = now;
  usedAt = usedNow;
  if (isWatching) setImmediate(turn);
}

/** Bytes of memory that no file stands behind; where the system does not tell, what Node.js knows of. */
function ownMemory() {
  try {
    return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
  } catch {
    const { heapTotal, external } = process.memoryUsage();
    return heapTotal + external;
  }
}

/** @type {Record<string, () => unknown>} */
const answers = {
  cpu: used,
  memory: () => process.memoryUsage(),
  ownMemory,
  watchLoop() {
    isWatching = true;
    setImmediate(() => {
      turnedAt = performance.now();
      usedAt = used();
      longest = { cpu: 0, elapsed: 0 };
      setImmediate(turn);
    });
    return undefined;
  },
  longestSection() {
    isWatching = false;
    return longest;
  },
};

process.on("message", (message) => {
  if (typeof message !== "object" || message === null || !("bench" in message)) return;
  const answer = answers[String(message.bench)];
  if (answer) process.send?.({ bench: message.bench, value: answer() });
});
