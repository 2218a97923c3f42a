/**
 * Loaded into a process before its own code (`node --import`), so that the benchmark can ask it over IPC what it has used. The
 * process itself knows nothing of it.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";

const delay = monitorEventLoopDelay({ resolution: 1 });

/** @type {Record<string, () => unknown>} */
const answers = {
  cpu() {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  memory: () => process.memoryUsage(),
  watchLoop() {
    delay.reset();
    delay.enable();
    return undefined;
  },
  longestSection() {
    delay.disable();
    return delay.max / 1e6;
  },
};

process.on("message", (message) => {
  if (typeof message !== "object" || message === null || !("bench" in message)) return;
  const answer = answers[String(message.bench)];
  if (answer) process.send?.({ bench: message.bench, value: answer() });
});
