/** Replicas of the gateway's domain over one upstream, one cache and one blob store, all in memory and in hand-moved time. */

import type { RequestContext } from "../src/domain/context.js";
import { createDomain, type Domain } from "../src/domain/create-domain.js";
import type { Relay } from "../src/domain/forwarding/relay.js";
import type { BlobStore } from "../src/ports/blob-store.js";
import type { DocumentCache } from "../src/ports/document-cache.js";
import { type HandTime, handTime } from "./hand-time.js";
import { createMemoryBlobs, type MemoryBlobs } from "./memory-blobs.js";
import { CacheContents, createMemoryCache, type MemoryCache } from "./memory-cache.js";
import { RowUpstream } from "./row-upstream.js";
import { contextWith } from "./upstream-double.js";

export interface StageReplica {
  readonly domain: Domain;
  /** The cache as this replica reaches it. */
  readonly cache: MemoryCache;
  write(body: unknown, namespace?: string): Promise<Relay>;
  fetch(id: string, names?: string[]): Promise<FetchResult>;
  fetchMany(ids: readonly (string | number)[]): Promise<FetchResult>;
  /** What the loops of a running gateway do: looks, beats, polls. */
  step(): Promise<void>;
}

export interface FetchResult {
  readonly cache: unknown;
  /** Attributes of a single document; undefined when it is not there. */
  readonly attributes: Record<string, unknown> | undefined;
  readonly body: string;
}

export interface StageOptions {
  readonly replicas?: number;
  /** Default: none, so that the replica is the only one. */
  readonly hasBlobs?: boolean;
  /** Changes the cache of every replica before the domain sees it. */
  readonly wrapCache?: (cache: DocumentCache) => DocumentCache;
}

export const NAMESPACE = "products";

export function cacheStage(options: StageOptions = {}) {
  const { replicas: count = 1, hasBlobs = count > 1, wrapCache = (cache) => cache } = options;
  const time = handTime();
  const upstream = new RowUpstream(time.clock.now);
  const contents = new CacheContents();
  const blobs = hasBlobs ? createMemoryBlobs() : undefined;
  const replicas = Array.from({ length: count }, (_, index) => {
    const cache = createMemoryCache(time.clock, contents);
    return stageReplica({ time, upstream, cache, shown: wrapCache(cache), blobs, id: `replica-${index}` });
  });
  const [first] = replicas as [StageReplica];
  return {
    ...first,
    time,
    upstream,
    contents,
    blobs: blobs as MemoryBlobs,
    replicas,
    /** Time passes in steps of a second, with the loops of every replica running. */
    async run(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += 250) {
        await time.pass(250);
        await Promise.all(replicas.map((replica) => replica.step()));
      }
    },
    /** What has settled of a promise by now. */
    async settled<T>(promise: Promise<T>): Promise<{ value: T } | undefined> {
      let result: { value: T } | undefined;
      void promise.then((value) => {
        result = { value };
      });
      await time.rest();
      return result;
    },
  };
}

/** A gateway that starts later, over what others have left. */
export function restarted({
  contents,
  time,
  ...parts
}: Pick<ReplicaParts, "time" | "upstream" | "blobs" | "id"> & { contents: CacheContents }): StageReplica {
  const cache = createMemoryCache(time.clock, contents);
  return stageReplica({ ...parts, time, cache, shown: cache });
}

export type CacheStage = ReturnType<typeof cacheStage>;

interface ReplicaParts {
  readonly time: HandTime;
  readonly upstream: RowUpstream;
  readonly cache: MemoryCache;
  readonly shown: DocumentCache;
  readonly blobs: BlobStore | undefined;
  readonly id: string;
}

function stageReplica({ time, upstream, cache, shown, blobs, id }: ReplicaParts): StageReplica {
  let tokens = 0;
  const hex = (bytes: number) => {
    tokens += 1;
    return Buffer.from(`${id}/${tokens}`.padEnd(bytes, " "))
      .toString("hex")
      .slice(-bytes * 2);
  };
  const domain = createDomain(
    {
      upstream,
      blobs,
      documentCache: shown,
      clock: time.clock,
      timers: time.timers,
      random: hex,
      timeout: () => new AbortController().signal,
      log: { info() {}, warn() {}, error: (fields: unknown) => void failures.push(fields) },
    },
    { listingCacheTtlMs: 0, consistency: { replicaId: id } },
  );
  const context = (): RequestContext => contextWith();
  const body = (value: unknown): Buffer =>
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  const result = (relay: Relay): FetchResult => {
    const text = Buffer.from(relay.body).toString();
    const parsed = JSON.parse(text) as { attributes?: Record<string, unknown> };
    return { cache: relay.headers["x-layer-cache"], attributes: parsed.attributes, body: text };
  };
  return {
    domain,
    cache,
    write: (value, namespace = NAMESPACE) => domain.writes.writeNamespace(context(), namespace, body(value)),
    async fetch(docId, names) {
      try {
        return result(await domain.documents.fetchDocument(context(), NAMESPACE, docId, names));
      } catch (error) {
        if (!(error instanceof Error && "code" in error && error.code === "not_found")) throw error;
        return { cache: undefined, attributes: undefined, body: "" };
      }
    },
    fetchMany: async (ids) =>
      result(await domain.documents.fetchDocuments(context(), NAMESPACE, body({ ids }))),
    async step() {
      const { replica, watcher } = domain.consistency;
      await domain.cache?.runOnce();
      await replica.runOnce(watcher.size > 0).catch(() => undefined);
      await watcher.runOnce();
    },
  };
}

/** Defects that a replica has logged instead of failing a request; a test ends with none. */
export const failures: unknown[] = [];
