/** A replica under test: the gateway's domain as it is composed for production, with everything around it from the model. */

import type { RequestContext } from "../../src/domain/context.js";
import { createDomain, type Domain } from "../../src/domain/create-domain.js";
import type { Relay } from "../../src/domain/forwarding/relay.js";
import { LOCAL_KEY } from "../../src/settings.js";
import { randomOf } from "./history.js";
import type { ShownRow } from "./judge.js";
import type { ReplicaParts, ReplicaUnderTest } from "./run.js";

/** Longest the model lets a write be under way: its deadline, and its arrival after that. */
const WRITE_DEADLINE_MS = 60_000;

export interface ReplicaOverrides {
  /** The safety margin, ms. Default the contract's. */
  readonly marginMs?: number;
  /** Changes the parts before the domain is built of them. */
  readonly parts?: (parts: ReplicaParts) => ReplicaParts;
  /** Changes the domain in place, as a defect would. */
  readonly break?: (domain: Domain, parts: ReplicaParts) => void;
  /** Told, before a write is handed to the domain, when its first byte came. */
  readonly beforeWrite?: (receivedAt: number) => void;
}

export const createModelReplica =
  (overrides: ReplicaOverrides = {}) =>
  (given: ReplicaParts): ReplicaUnderTest => {
    const parts = overrides.parts?.(given) ?? given;
    const { id, node, upstream, blobs, random } = parts;
    const domain = createDomain(
      {
        upstream,
        blobs,
        clock: node.clock,
        random: (bytes) => hex(random, bytes),
        spread: random,
        timeout: (ms) => timeoutOf(parts, ms),
        timers: { after: (ms, run) => timerOf(parts, ms, run) },
        documentCache: parts.cache,
      },
      {
        listingCacheTtlMs: 0,
        consistency: {
          replicaId: id,
          writeDeadlineMs: WRITE_DEADLINE_MS,
          marginMs: overrides.marginMs ?? 500,
        },
      },
    );
    overrides.break?.(domain, parts);
    const { replica, watcher } = domain.consistency;
    return {
      async write(requestId, namespace, body) {
        const receivedAt = node.clock.now();
        await node.sleep(uploadMs(requestId));
        overrides.beforeWrite?.(receivedAt);
        return domain.writes.writeNamespace(contextOf(requestId), namespace, bytes(body));
      },
      async query(requestId, namespace, body) {
        const relay = await domain.queries.queryNamespace(contextOf(requestId), namespace, bytes(body));
        const watermark = relay.headers["x-layer-stable-as-of"];
        return {
          status: relay.status,
          watermark: typeof watermark === "string" ? Number(watermark) : undefined,
          rows: relay.status === 200 ? (json(relay).rows as ShownRow[]) : [],
        };
      },
      async fetch(requestId, namespace, ids) {
        const context = contextOf(requestId);
        const relay =
          ids.length === 1
            ? await domain.documents.fetchDocument(context, namespace, ids[0] ?? "").catch(notFound)
            : await domain.documents.fetchDocuments(context, namespace, bytes({ ids }));
        const found = relay.status === 200 ? json(relay) : {};
        const documents = (found.documents ?? (found.id === undefined ? [] : [found])) as {
          id: string;
          attributes: Record<string, unknown>;
        }[];
        return {
          status: relay.status === 404 ? 200 : relay.status,
          cache: String(relay.headers["x-layer-cache"] ?? "miss"),
          documents: new Map(documents.map((document) => [document.id, document.attributes])),
        };
      },
      loops: [
        ...(domain.cache === undefined ? [] : [{ everyMs: 1_000, run: domain.cache.runOnce }]),
        { everyMs: 1_000, run: () => replica.runOnce(watcher.size > 0) },
        { everyMs: 250, run: () => watcher.runOnce() },
      ],
    };
  };

/** How long the body of a write takes to arrive, ms; the same whenever the request is made again. */
function uploadMs(requestId: string): number {
  const random = randomOf(Number(requestId.slice(1)));
  return random() < 0.1 ? random() * 3_000 : random() * 20;
}

/** Absent is an answer like any other: it must be as new as what was acknowledged. */
function notFound(error: unknown): Relay {
  if (error instanceof Error && "code" in error && error.code === "not_found")
    return { status: 404, headers: {}, body: new Uint8Array(0) };
  throw error;
}

function contextOf(requestId: string): RequestContext {
  return {
    requestId,
    principal: { name: LOCAL_KEY, scopes: new Set(["read", "write", "admin"]), grants: ["*"] },
    headers: { "x-request-id": requestId },
    rawQuery: "",
    signal: new AbortController().signal,
  };
}

function timeoutOf({ node }: ReplicaParts, ms: number): AbortSignal {
  const abort = new AbortController();
  node.after(ms, () => abort.abort(new DOMException("timed out", "TimeoutError")));
  return abort.signal;
}

/** A timer of this process; the returned function takes it back. */
function timerOf({ node }: ReplicaParts, ms: number, run: () => void): () => void {
  let isOn = true;
  node.after(ms, () => {
    if (isOn) run();
  });
  return () => {
    isOn = false;
  };
}

function hex(random: () => number, count: number): string {
  return Array.from({ length: count * 2 }, () => Math.floor(random() * 16).toString(16)).join("");
}

const bytes = (body: unknown): Uint8Array => Buffer.from(JSON.stringify(body));
const json = (relay: Relay) => JSON.parse(Buffer.from(relay.body).toString()) as Record<string, unknown>;
