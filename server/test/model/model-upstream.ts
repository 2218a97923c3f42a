/**
 * A Turbopuffer that is true by construction: a few rows a namespace, applied at one instant each, with every delay and failure
 * that a gateway has to live with. What it did and when is there to be judged; replicas reach it over a network of their own.
 */

import { AppError } from "../../src/errors.js";
import type { Upstream, UpstreamAnswer, UpstreamRequest } from "../../src/ports/upstream.js";
import type { Node, Simulation } from "../simulation.js";
import { type QueryBody, runQuery } from "./model-queries.js";
import { applyWrite, type Change, type Row, type WriteBody } from "./model-writes.js";

/** Wall clock of the simulation's beginning, epoch-ms. */
export const EPOCH_MS = 1_700_000_000_000;

/** What may go wrong with one request; drawn for each from its own luck, so that leaving one out disturbs no other. */
export interface Fate {
  /** Milliseconds until it reaches upstream, and back. */
  readonly outMs: number;
  readonly backMs: number;
  /**
   * `refused`: no connection. `lost`: sent, never arrives, no answer. `unanswered`: arrives, the answer is lost. `late`: the
   * caller is told of a reset at once, and the request arrives afterwards. `busy`: 429. `broken`: 500, applied or not.
   */
  readonly trouble?: "refused" | "lost" | "unanswered" | "late" | "busy" | "broken";
  readonly lateMs: number;
  /** From the write to its index. */
  readonly indexMs: number;
  readonly coin: boolean;
}

/** One application of a write. */
export interface Applied {
  readonly namespace: string;
  readonly at: number;
  readonly changes: readonly Change[];
}

interface Namespace {
  rows: ReadonlyMap<string, Row>;
  /** States of the last seconds, oldest first, for reads that trail. */
  readonly past: { readonly at: number; readonly rows: ReadonlyMap<string, Row> }[];
  readonly indexing: { readonly at: number; readonly until: number }[];
  hasStamp: boolean;
  lastWriteAt: number;
}

/** What eventual reads and metadata may trail a commit by; below the gateway's safety margin. */
export const TRAIL_MS = 400;
/** How long after its caller gave up a write may still arrive. The gateway counts on less than 60 s. */
export const LATE_MS = 50_000;
const PAST_KEPT_MS = 2 * TRAIL_MS;

export class ModelUpstream {
  readonly namespaces = new Map<string, Namespace>();
  /** Told of every write at the instant of its application. */
  onApplied: (applied: Applied, request: UpstreamRequest | undefined) => void = () => undefined;
  /** Told of every time that metadata gives for the last write. */
  onMetadata: (namespace: string, lastWriteAt: number) => void = () => undefined;
  /** Told of every query when it is served, with the rows as they truly are. */
  onQuery: (
    namespace: string,
    rows: ReadonlyMap<string, Row>,
    body: QueryBody,
    request: UpstreamRequest,
  ) => void = () => undefined;
  readonly #simulation: Simulation;
  readonly #fate: (request: UpstreamRequest) => Fate;

  constructor(simulation: Simulation, fate: (request: UpstreamRequest) => Fate) {
    this.#simulation = simulation;
    this.#fate = fate;
  }

  /** Upstream as a replica sees it. @param timeoutMs deadline of one request, as the adapter has it */
  from(node: Node, timeoutMs: number): Upstream {
    return {
      send: (request) => this.#send(node, request, timeoutMs),
      ping: async () => undefined,
      close: async () => undefined,
    };
  }

  /** A write that did not come through the gateway. */
  writeAround(namespace: string, body: WriteBody): void {
    this.#apply(namespace, body, { indexMs: 100 }, undefined);
  }

  /** The rows of a namespace as they are now. */
  rowsOf(namespace: string): ReadonlyMap<string, Row> {
    return this.namespaces.get(namespace)?.rows ?? new Map();
  }

  #send(node: Node, request: UpstreamRequest, timeoutMs: number): Promise<UpstreamAnswer> {
    const simulation = this.#simulation;
    const fate = this.#fate(request);
    const sentAt = simulation.now;
    return new Promise((resolve, reject) => {
      const failed = () =>
        new AppError(
          request.effect === "write" ? "gateway_timeout" : "upstream_error",
          "the connection failed after the request was sent",
        );
      if (fate.trouble === "refused") {
        node.at(sentAt + fate.outMs, () => reject(new AppError("upstream_error", "refused")));
        return;
      }
      node.at(sentAt + timeoutMs, () => reject(failed()));
      request.signal?.addEventListener("abort", () => reject(request.signal?.reason), { once: true });
      if (fate.trouble === "lost") return;
      const isLate = fate.trouble === "late";
      if (isLate) node.at(sentAt + fate.outMs, () => reject(failed()));
      const arrivesAt = sentAt + fate.outMs + (isLate ? fate.lateMs : 0);
      simulation.at(arrivesAt, () => {
        const answer = this.#serve(request, fate);
        if (isLate || fate.trouble === "unanswered") {
          if (!isLate) node.at(simulation.now + fate.backMs, () => reject(failed()));
          return;
        }
        node.at(simulation.now + fate.backMs, () => resolve(answer));
      });
    });
  }

  #serve(request: UpstreamRequest, fate: Fate): UpstreamAnswer {
    const [, version, , namespace = "", rest] = request.path.split("/");
    if (fate.trouble === "busy") return json(429, { error: "too many requests" });
    const body = request.body === undefined ? undefined : JSON.parse(Buffer.from(request.body).toString());
    if (request.method === "POST" && rest === undefined) {
      if (fate.trouble === "broken") {
        if (fate.coin) this.#apply(namespace, body as WriteBody, fate, request);
        return json(500, { error: "internal" });
      }
      return this.#apply(namespace, body as WriteBody, fate, request);
    }
    const found = this.namespaces.get(namespace);
    if (found === undefined) return json(404, { error: `namespace ${namespace} was not found` });
    if (fate.trouble === "broken") return json(500, { error: "internal" });
    if (rest === "metadata") {
      this.onMetadata(namespace, found.lastWriteAt);
      return this.#metadata(found, fate);
    }
    if (rest === "schema") return json(200, schemaOf(found));
    if (rest === "query" && version === "v2") {
      this.onQuery(namespace, found.rows, body as QueryBody, request);
      return this.#query(found, body as QueryBody, fate);
    }
    throw new Error(`the model has no ${request.method} ${request.path}`);
  }

  #apply(
    name: string,
    body: WriteBody,
    { indexMs }: Pick<Fate, "indexMs">,
    request: UpstreamRequest | undefined,
  ): UpstreamAnswer {
    const now = this.#simulation.now;
    const namespace = this.namespaces.get(name) ?? {
      rows: new Map<string, Row>(),
      past: [],
      indexing: [],
      hasStamp: false,
      lastWriteAt: 0,
    };
    if (this.namespaces.get(name) === undefined && body.upsert_rows === undefined)
      return json(404, { error: `namespace ${name} was not found` });
    const outcome = applyWrite(namespace.rows, body, now);
    if (outcome.status !== 200) return json(outcome.status, outcome.body);
    this.namespaces.set(name, namespace);
    namespace.past.push({ at: now, rows: outcome.rows });
    while ((namespace.past[1]?.at ?? Number.POSITIVE_INFINITY) < now - PAST_KEPT_MS) namespace.past.shift();
    namespace.rows = outcome.rows;
    namespace.lastWriteAt = now;
    namespace.hasStamp ||= outcome.changes.some(({ row }) => row?.stamp !== undefined);
    namespace.indexing.push({ at: now, until: now + indexMs });
    this.onApplied({ namespace: name, at: now, changes: outcome.changes }, request);
    return json(200, outcome.body);
  }

  #metadata(namespace: Namespace, fate: Fate): UpstreamAnswer {
    const now = this.#simulation.now;
    const seenUntil = now - (fate.coin ? TRAIL_MS * 0.9 : 0);
    while ((namespace.indexing[0]?.until ?? Number.POSITIVE_INFINITY) < now - TRAIL_MS)
      namespace.indexing.shift();
    const isUpdating = namespace.indexing.some(({ at, until }) => at <= seenUntil && until > now);
    return json(200, {
      schema: schemaOf(namespace),
      approx_row_count: namespace.rows.size,
      created_at: new Date(EPOCH_MS).toISOString(),
      last_write_at: new Date(EPOCH_MS + namespace.lastWriteAt).toISOString(),
      index: isUpdating ? { status: "updating", unindexed_bytes: 1 } : { status: "up-to-date" },
    });
  }

  #query(namespace: Namespace, body: QueryBody, fate: Fate): UpstreamAnswer {
    const isEventual = body.consistency?.level === "eventual";
    const rows = isEventual ? this.#trailing(namespace, fate) : namespace.rows;
    return json(200, runQuery(rows, body));
  }

  #trailing(namespace: Namespace, fate: Fate): ReadonlyMap<string, Row> {
    if (!fate.coin) return namespace.rows;
    const asOf = this.#simulation.now - TRAIL_MS * 0.9;
    return namespace.past.findLast(({ at }) => at <= asOf)?.rows ?? namespace.past[0]?.rows ?? namespace.rows;
  }
}

function schemaOf({ hasStamp }: Namespace): Record<string, unknown> {
  return { id: "string", token: "string", ...(hasStamp ? { _hevlayer_upserted_at: "int" } : {}) };
}

function json(status: number, body: unknown): UpstreamAnswer {
  return { status, headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(body)) };
}
