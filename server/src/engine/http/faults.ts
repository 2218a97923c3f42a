/**
 * Simulated trouble for tests of callers, off unless asked for: refusals, slowness, cut connections and torn answers. A
 * rule fires on every n-th request that it fits, so that what a test sees does not depend on chance.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface FaultRule {
  /**
   * `status` answers with an error instead of running the request; `latency` waits before running it; `reset-before`
   * cuts the connection without running it, `reset-after` once it has run; `half-body` sends half of the real answer
   * and cuts the connection.
   */
  readonly kind: "status" | "latency" | "reset-before" | "reset-after" | "half-body";
  /** Only requests whose path contains this; all by default. */
  readonly path?: string;
  /** Only requests with this method; all by default. */
  readonly method?: string;
  /** Fires on every n-th fitting request, 1 by default. */
  readonly every?: number;
  /** Stops after firing this often; never by default. */
  readonly times?: number;
  /** Status of a `status` fault, 503 by default. */
  readonly status?: number;
  /** `Retry-After` of a `status` fault, seconds; none by default. */
  readonly retryAfterSeconds?: number;
  /** Wait of a `latency` fault, 100 by default. */
  readonly ms?: number;
}

const KINDS: ReadonlySet<string> = new Set(["status", "latency", "reset-before", "reset-after", "half-body"]);
const NUMBERS = ["every", "times", "status", "retryAfterSeconds", "ms"] as const;

/** Reads rules from JSON text: a list of FaultRule. Throws an Error that names the rule and field. */
export function parseFaults(text: string): FaultRule[] {
  const rules: unknown = JSON.parse(text);
  if (!Array.isArray(rules)) throw new Error("fault rules must be a JSON array");
  return rules.map((rule: FaultRule | null, i) => {
    if (rule === null || !KINDS.has(rule.kind)) {
      throw new Error(`fault rule ${i} has kind '${rule?.kind}', expected one of ${[...KINDS].join(", ")}`);
    }
    for (const field of NUMBERS) {
      const value = rule[field];
      if (value !== undefined && !(Number.isInteger(value) && value >= 0)) {
        throw new Error(`fault rule ${i} has ${field} '${value}', expected a whole number`);
      }
    }
    return rule;
  });
}

/** Picks the fault of each request. */
export class FaultSwitchboard {
  private readonly seen: number[];
  private readonly fired: number[];

  constructor(private readonly rules: readonly FaultRule[]) {
    this.seen = rules.map(() => 0);
    this.fired = rules.map(() => 0);
  }

  /** The first rule that fires for the request, which counts as seen by every rule it fits. */
  next(request: IncomingMessage): FaultRule | null {
    let chosen: FaultRule | null = null;
    this.rules.forEach((rule, i) => {
      if (!fits(rule, request)) return;
      const seen = (this.seen[i] as number) + 1;
      this.seen[i] = seen;
      const fired = this.fired[i] as number;
      const due = seen % (rule.every || 1) === 0 && fired < (rule.times ?? Number.POSITIVE_INFINITY);
      if (!due || chosen !== null) return;
      this.fired[i] = fired + 1;
      chosen = rule;
    });
    return chosen;
  }
}

function fits(rule: FaultRule, request: IncomingMessage): boolean {
  const method = rule.method === undefined || rule.method === request.method;
  return method && (rule.path === undefined || (request.url ?? "").includes(rule.path));
}

/** Waits out a latency fault; other kinds pass at once. */
export async function delay(fault: FaultRule | null): Promise<void> {
  if (fault?.kind === "latency") await sleep(fault.ms ?? 100);
}

/** Sends the head and half of a body, then cuts the connection. */
export function sendHalf(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: readonly Buffer[],
): void {
  const whole = Buffer.concat(body);
  response.writeHead(status, { "content-type": contentType, "content-length": whole.length });
  response.write(whole.subarray(0, whole.length >> 1), () => response.destroy());
}
