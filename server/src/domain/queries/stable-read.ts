/**
 * How a read is held to one settled cut of its namespace, decided once at its start: filter, retry and header use the one
 * watermark that was read then (invariant 14 of ARCHITECTURE.md).
 */

import type { UpstreamAnswer } from "../../ports/upstream.js";
import type { NamespaceView } from "../consistency/view.js";

/** What an earlier page of the same query was read at. */
export interface PinnedCut {
  /** Epoch-ms; undefined when no watermark was known. */
  readonly watermark: number | undefined;
  /** The watermark was a filter, and not only told. */
  readonly filtered: boolean;
}

export interface StableRead {
  /** Epoch-ms that `x-layer-stable-as-of` tells; undefined when none is known. */
  readonly stableAsOf: number | undefined;
  /** The watermark to filter by from the start; undefined for none. */
  readonly filter: number | undefined;
  /** The watermark to filter by when upstream answers 429 to the unfiltered query; undefined: the 429 is final. */
  readonly retry: number | undefined;
}

/**
 * @param strong the namespace's policy: upstream's own consistency, and no filter of ours
 * @param pinned the first page, when this is a further one: its watermark stays an upper bound, and its filter stays
 */
export function stableRead(view: NamespaceView, strong: boolean, pinned?: PinnedCut): StableRead {
  const stableAsOf = earlier(view.watermark, pinned?.watermark);
  if (strong || stableAsOf === undefined) return { stableAsOf, filter: undefined, retry: undefined };
  // Upstream refuses a filter on an attribute that its schema lacks.
  const filters = pinned?.filtered === true || (view.status === "updating" && view.hasStamp);
  if (filters) return { stableAsOf, filter: stableAsOf, retry: undefined };
  return { stableAsOf, filter: undefined, retry: view.hasStamp ? stableAsOf : undefined };
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}

/**
 * Sends a query, and once more with the watermark as its filter when that may help: upstream's 429 says that too much is not
 * indexed yet, and that is what the filter leaves out.
 *
 * @param send sends with a watermark to filter by, or without
 * @returns the last answer, and the watermark it was filtered by
 */
export async function sendStable(
  read: StableRead,
  send: (filter: number | undefined) => Promise<UpstreamAnswer>,
): Promise<{ answer: UpstreamAnswer; filter: number | undefined }> {
  const answer = await send(read.filter);
  if (answer.status !== 429 || read.retry === undefined) return { answer, filter: read.filter };
  return { answer: await send(read.retry), filter: read.retry };
}
