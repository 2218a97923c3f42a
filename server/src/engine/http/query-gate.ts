/**
 * How many queries of one namespace may be under way at once, as the service limits it: those above wait for a moment and
 * are then told to come again. It is what keeps a flood on one namespace from queueing without end.
 */
import { EngineError } from "../errors.js";
import { isObject, type Json } from "../json.js";
import { LIMITS } from "../limits.js";

export interface QueryGateOptions {
  /** Permits of a namespace, 16 by default. */
  readonly permits?: number;
  /** How long a query waits for its permits, ms, 800 by default. */
  readonly waitMs?: number;
  /** Queries of a namespace that may wait; more are refused at once. 1,000 by default. */
  readonly waitersMax?: number;
}

interface Waiter {
  readonly permits: number;
  readonly enter: () => void;
}

interface Namespace {
  used: number;
  readonly waiters: Waiter[];
}

export class QueryGate {
  private readonly namespaces = new Map<string, Namespace>();
  private readonly permits: number;
  private readonly waitMs: number;
  private readonly waitersMax: number;

  constructor({ permits = LIMITS.queryPermits, waitMs = 800, waitersMax = 1_000 }: QueryGateOptions = {}) {
    this.permits = permits;
    this.waitMs = waitMs;
    this.waitersMax = waitersMax;
  }

  /** Resolves with the function that gives the permits back, to be called once. Rejects with 429 after the wait. */
  async enter(name: string, wanted: number): Promise<() => void> {
    const permits = Math.min(wanted, this.permits);
    const namespace = this.namespaces.get(name) ?? { used: 0, waiters: [] };
    this.namespaces.set(name, namespace);
    if (namespace.waiters.length === 0 && namespace.used + permits <= this.permits) namespace.used += permits;
    else await this.wait(name, namespace, permits);
    return () => this.leave(name, namespace, permits);
  }

  private wait(name: string, { waiters }: Namespace, permits: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const refuse = () =>
        reject(
          new EngineError(
            429,
            `query concurrency limit of namespace '${name}' is reached: ${this.permits} permits are in use`,
            { headers: { "retry-after": "1" } },
          ),
        );
      if (waiters.length >= this.waitersMax) return refuse();
      const waiter: Waiter = {
        permits,
        enter: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        waiters.splice(waiters.indexOf(waiter), 1);
        refuse();
      }, this.waitMs);
      waiters.push(waiter);
    });
  }

  /** Lets in who waits, in the order they came. */
  private leave(name: string, namespace: Namespace, permits: number): void {
    namespace.used -= permits;
    for (let next = namespace.waiters[0]; next !== undefined; next = namespace.waiters[0]) {
      if (namespace.used + next.permits > this.permits) break;
      namespace.waiters.shift();
      namespace.used += next.permits;
      next.enter();
    }
    if (namespace.used === 0 && namespace.waiters.length === 0) this.namespaces.delete(name);
  }
}

/** Permits of a query or of the queries of one request together: 2 for a kNN, 4 for an aggregation, else 1 each. */
export function queryPermits(body: Json): number {
  if (!isObject(body)) return 1;
  const { queries } = body;
  if (!Array.isArray(queries)) return permitsOf(body);
  return Math.max(
    1,
    queries.reduce<number>((sum, query) => sum + permitsOf(query), 0),
  );
}

function permitsOf(query: Json): number {
  if (!isObject(query)) return 1;
  if (query.aggregate_by !== undefined && query.aggregate_by !== null) return 4;
  return Array.isArray(query.rank_by) && query.rank_by[1] === "kNN" ? 2 : 1;
}
