/** Runs one command of a suite under its allotment, showing its output as it comes and keeping it for counting. */
import { spawn } from "node:child_process";
import { ROOT } from "./setup.mjs";

const KILL_AFTER_MS = 5_000;

/**
 * @typedef {{ ok: boolean, output: string, seconds: number, timedOut: boolean }} Outcome
 * @param {string[]} command
 * @param {{ seconds: number, quiet?: boolean, cwd?: string, env?: Record<string, string> }} options `seconds` is the allotment;
 *   past it the whole process group is ended. `quiet` shows the output only on failure.
 * @returns {Promise<Outcome>}
 */
export function runCommand(command, { seconds, quiet = false, cwd = ROOT, env = {} }) {
  const started = Date.now();
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    /** @type {Buffer[]} */
    const chunks = [];
    let timedOut = false;
    /** @param {NodeJS.Signals} signal */
    const endGroup = (signal) => {
      try {
        if (child.pid) process.kill(-child.pid, signal);
      } catch {
        // The group has ended by itself.
      }
    };
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup("SIGTERM");
      setTimeout(() => endGroup("SIGKILL"), KILL_AFTER_MS).unref();
    }, seconds * 1000);
    const interrupt = () => endGroup("SIGTERM");
    process.once("SIGINT", interrupt);
    process.once("SIGTERM", interrupt);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (/** @type {Buffer} */ chunk) => {
        chunks.push(chunk);
        if (!quiet) process.stdout.write(chunk);
      });
    }
    /** @param {boolean} ok @param {string} [note] */
    const finish = (ok, note) => {
      clearTimeout(timer);
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", interrupt);
      endGroup("SIGKILL");
      const output = Buffer.concat(chunks).toString("utf8") + (note ?? "");
      if (quiet && !ok) process.stdout.write(output);
      else if (note) process.stdout.write(note);
      resolve({ ok, output, seconds: (Date.now() - started) / 1000, timedOut });
    };
    child.on("error", (error) => finish(false, `${program} could not be run: ${error.message}\n`));
    child.on("close", (code) => {
      finish(
        code === 0 && !timedOut,
        timedOut ? `stopped: its allotment of ${Math.round(seconds)} s had passed\n` : undefined,
      );
    });
  });
}
