/** Wires the domain's parts to each other, so that the composition root needs to know only what comes from outside. */

import type { Clock } from "../clock.js";
import type { BlobStore } from "../ports/blob-store.js";
import type { Upstream } from "../ports/upstream.js";
import { noCachedDocuments } from "./cache/cached-documents.js";
import { createCachedReads } from "./cache/cached-reads.js";
import {
  type Consistency,
  type ConsistencyOptions,
  createConsistency,
} from "./consistency/create-consistency.js";
import { eventualPolicy } from "./consistency/view.js";
import { createWatermarkRecords } from "./consistency/watermark-records.js";
import { createDocumentReads } from "./document-reads.js";
import { createDocuments } from "./documents.js";
import { createIdTypes } from "./id-types.js";
import { createBackgroundReads } from "./jobs/background-reads.js";
import { createListing } from "./listing.js";
import { createNamespaces } from "./namespaces.js";
import type { Documents, Namespaces, Queries, Warming, Writes } from "./operations.js";
import { createQueries } from "./queries.js";
import type { RandomHex } from "./trace-context.js";
import { createWarming } from "./warming.js";
import { createWrites } from "./writes.js";

export interface Domain {
  writes: Writes;
  queries: Queries;
  documents: Documents;
  namespaces: Namespaces;
  warming: Warming;
  /** For the loops of `background/`, which drive it. */
  consistency: Consistency;
}

export interface DomainDependencies {
  upstream: Upstream;
  clock: Clock;
  random: RandomHex;
  /** What replicas share; without it this process takes itself for the only one. */
  blobs?: BlobStore | undefined;
  /** 0 to 1, to spread work over time. Default: nothing is spread. */
  spread?: (() => number) | undefined;
  /** Gives up a call of the blob store after `ms`. Default `AbortSignal.timeout`. */
  timeout?: ((ms: number) => AbortSignal) | undefined;
}

export interface DomainOptions {
  /** Deadline of a copy or branch, ms. Default 900,000. */
  copyTimeoutMs?: number | undefined;
  /** The largest write body upstream takes, stamps included, bytes. Default 512 MiB, which is Turbopuffer's. */
  writeBytesMax?: number | undefined;
  /** How long a listing page is kept, ms; 0 keeps none. Default 10,000. */
  listingCacheTtlMs?: number | undefined;
  /** This replica's id and the intervals of stable reads. Default: the contract's. */
  consistency?: ConsistencyOptions | undefined;
}

export function createDomain(
  { upstream, clock, random, blobs, spread = () => 0, timeout }: DomainDependencies,
  options: DomainOptions = {},
): Domain {
  const listing = createListing({ upstream, clock }, { cacheTtlMs: options.listingCacheTtlMs ?? 10_000 });
  const idTypes = createIdTypes({ upstream, clock });
  const consistency = createConsistency(
    {
      upstream,
      clock,
      blobs,
      backgroundReads: createBackgroundReads(),
      random: spread,
      ...(timeout === undefined ? {} : { timeout }),
    },
    options.consistency ?? { replicaId: "this" },
  );
  const { watcher } = consistency;
  return {
    consistency,
    writes: createWrites(
      { ...consistency, upstream, onWritten: listing.noteWritten },
      {
        copyTimeoutMs: options.copyTimeoutMs ?? 900_000,
        bodyBytesMax: options.writeBytesMax ?? 512 * 1024 ** 2,
      },
    ),
    queries: createQueries({ upstream, views: watcher, policy: eventualPolicy, random }),
    documents: createDocuments({
      reads: createCachedReads({
        reads: createDocumentReads({ upstream, idTypes }),
        documents: noCachedDocuments,
      }),
    }),
    namespaces: createNamespaces({
      upstream,
      listing,
      watcher,
      onDeleted: (namespace) => {
        watcher.forget(namespace);
        listing.noteDeleted(namespace);
        idTypes.forget(namespace);
      },
      purges: blobs === undefined ? [] : [createWatermarkRecords(blobs).forget],
    }),
    warming: createWarming({ upstream }),
  };
}
