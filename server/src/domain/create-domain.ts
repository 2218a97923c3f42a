/** Wires the domain's parts to each other, so that the composition root needs to know only what comes from outside. */

import type { Clock } from "../clock.js";
import type { Upstream } from "../ports/upstream.js";
import { eventualPolicy, unknownView } from "./consistency/view.js";
import { createDocumentReads } from "./document-reads.js";
import { createDocuments } from "./documents.js";
import { createIdTypes } from "./id-types.js";
import { createListing } from "./listing.js";
import { createNamespaces } from "./namespaces.js";
import type { Documents, Namespaces, Queries, Warming, Writes } from "./operations.js";
import { createQueries } from "./queries.js";
import { createStamps } from "./stamps.js";
import type { RandomHex } from "./trace-context.js";
import { createWarming } from "./warming.js";
import { createWrites } from "./writes.js";

export interface Domain {
  writes: Writes;
  queries: Queries;
  documents: Documents;
  namespaces: Namespaces;
  warming: Warming;
}

export interface DomainDependencies {
  upstream: Upstream;
  clock: Clock;
  random: RandomHex;
}

export interface DomainOptions {
  /** Deadline of a copy or branch, ms. Default 900,000. */
  copyTimeoutMs?: number | undefined;
  /** The largest write body upstream takes, stamps included, bytes. Default 512 MiB, which is Turbopuffer's. */
  writeBytesMax?: number | undefined;
  /** How long a listing page is kept, ms; 0 keeps none. Default 10,000. */
  listingCacheTtlMs?: number | undefined;
}

export function createDomain(
  { upstream, clock, random }: DomainDependencies,
  options: DomainOptions = {},
): Domain {
  const listing = createListing({ upstream, clock }, { cacheTtlMs: options.listingCacheTtlMs ?? 10_000 });
  const idTypes = createIdTypes({ upstream, clock });
  const stamps = createStamps(clock);
  return {
    writes: createWrites(
      { upstream, stamps, onWritten: listing.noteWritten },
      {
        copyTimeoutMs: options.copyTimeoutMs ?? 900_000,
        bodyBytesMax: options.writeBytesMax ?? 512 * 1024 ** 2,
      },
    ),
    queries: createQueries({ upstream, views: { view: () => unknownView }, policy: eventualPolicy, random }),
    documents: createDocuments({ reads: createDocumentReads({ upstream, idTypes }) }),
    namespaces: createNamespaces({
      upstream,
      listing,
      onDeleted: (namespace) => {
        listing.noteDeleted(namespace);
        idTypes.forget(namespace);
      },
    }),
    warming: createWarming({ upstream }),
  };
}
