/** The bytes of a queue item in the embedded store: JSON with its format version, since items are small and few fields vary. */

import { type QueueItem, QueueStoreError } from "../../ports/queue-store.js";

const FORMAT = 1;

export interface ItemLease {
  readonly worker: string;
  /** Epoch-ms, whole. */
  readonly expiresAt: number;
  readonly leaseMs: number;
  /** Where the item goes when the lease ends unheard. */
  readonly from: string;
}

export interface StoredItem {
  readonly stage: string;
  /** Its place in the order of its queue, and its revision: both change only when it is enqueued. */
  readonly place: number;
  readonly claims: number;
  readonly reason?: string;
  readonly lease?: ItemLease;
}

export function encodeItem(item: StoredItem): Buffer {
  return Buffer.from(JSON.stringify({ format: FORMAT, ...item }), "utf8");
}

/** @throws QueueStoreError `damaged` for bytes that are no item of this format */
export function decodeItem(bytes: Buffer): StoredItem {
  let parsed: { format?: unknown } & StoredItem;
  try {
    parsed = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new QueueStoreError("damaged", "a queue item cannot be read", { cause: error });
  }
  if (parsed.format !== FORMAT)
    throw new QueueStoreError("damaged", `a queue item has the unknown format ${String(parsed.format)}`);
  const { format: _format, ...item } = parsed;
  return item;
}

/** An item as the port shows it. */
export function exposedItem(id: string, item: StoredItem): QueueItem {
  return {
    id,
    stage: item.stage,
    revision: item.place,
    claims: item.claims,
    ...(item.lease === undefined ? {} : { worker: item.lease.worker }),
    ...(item.reason === undefined ? {} : { reason: item.reason }),
  };
}
