/**
 * Tokens for operations that the wire lets run in the background. Copies are done before their token is handed out, so a
 * poll always finds them finished; only the newest results are kept.
 */
import { randomUUID } from "node:crypto";
import { EngineError } from "./errors.js";
import type { Printable } from "./json.js";

const KEPT_MAX = 1_000;

export class Operations {
  private readonly finished = new Map<string, Record<string, Printable>>();

  /** Runs the work and keeps its result, success or refusal, under a new token. `now` gives milliseconds. */
  run(namespace: string, work: () => Printable, now: () => number): string {
    const startedAt = now();
    const result = resultOf(work);
    const token = randomUUID();
    if (this.finished.size >= KEPT_MAX) this.finished.delete(this.finished.keys().next().value as string);
    this.finished.set(`${namespace}/${token}`, {
      status: "finished",
      start_time: new Date(startedAt).toISOString(),
      finish_time: new Date(now()).toISOString(),
      result,
    });
    return token;
  }

  /** Throws 404 for a token that was never given out for this namespace, or long ago. */
  poll(namespace: string, token: string): Record<string, Printable> {
    const found = this.finished.get(`${namespace}/${token}`);
    if (found === undefined) throw new EngineError(404, `operation '${token.slice(0, 80)}' was not found`);
    return found;
  }
}

function resultOf(work: () => Printable): Printable {
  try {
    return { success: work() };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return {
      error: { status_code: error.status, detail: { status: "error", error: error.message, ...error.extra } },
    };
  }
}
