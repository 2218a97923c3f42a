/**
 * Watermarks that outlive their process: `watermarks/{namespace}.json`. A watermark that was right stays right, so whoever finds
 * one may go on from it, and of two the higher counts.
 */

import { type BlobCallOptions, type BlobStore, BlobStoreError } from "../../ports/blob-store.js";

export interface WatermarkRecord {
  /** Epoch-ms; undefined before the first stable poll. */
  readonly watermark: number | undefined;
  /** Upstream's last write that was accounted for, epoch-ms. */
  readonly lastWriteAt: number | undefined;
}

export interface WatermarkRecords {
  /** @throws BlobStoreError */
  read(namespace: string, options?: BlobCallOptions): Promise<WatermarkRecord | undefined>;
  /** Stores what is higher, of this and of what is there. @throws BlobStoreError */
  write(namespace: string, record: WatermarkRecord, options?: BlobCallOptions): Promise<void>;
  /** The namespace was deleted. @returns how many objects went. @throws BlobStoreError */
  forget(namespace: string): Promise<number>;
}

const FORMAT = 1;
/** Each means that another replica stored its own in between. */
const TRIES = 4;

export const watermarkKey = (namespace: string): string => `watermarks/${encodeURIComponent(namespace)}.json`;

export function createWatermarkRecords(blobs: BlobStore): WatermarkRecords {
  return {
    async read(namespace, options) {
      const key = watermarkKey(namespace);
      const blob = await blobs.get(key, options);
      return blob && parseRecord(key, blob.body);
    },

    async write(namespace, record, options) {
      const key = watermarkKey(namespace);
      for (let attempt = 0; attempt < TRIES; attempt += 1) {
        const blob = await blobs.get(key, options);
        const present = blob && parseRecord(key, blob.body);
        const next = {
          watermark: higher(record.watermark, present?.watermark),
          lastWriteAt: higher(record.lastWriteAt, present?.lastWriteAt),
        };
        if (present && next.watermark === present.watermark && next.lastWriteAt === present.lastWriteAt)
          return;
        const body = encodeRecord(next);
        const outcome = await (blob === undefined
          ? blobs.putIfAbsent(key, body, options)
          : blobs.putIfMatch(key, body, blob.etag, options));
        if (outcome.status === "stored") return;
      }
      throw new BlobStoreError("unavailable", `${key} is being written by others`);
    },

    async forget(namespace) {
      const key = watermarkKey(namespace);
      if ((await blobs.get(key)) === undefined) return 0;
      await blobs.delete(key);
      return 1;
    },
  };
}

function higher(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.max(one, other);
}

function encodeRecord({ watermark, lastWriteAt }: WatermarkRecord): Uint8Array {
  return new TextEncoder().encode(
    JSON.stringify({ format: FORMAT, watermark: watermark ?? null, last_write_at_ms: lastWriteAt ?? null }),
  );
}

function parseRecord(key: string, bytes: Uint8Array): WatermarkRecord {
  const body = JSON.parse(new TextDecoder().decode(bytes)) as {
    format: number;
    watermark: number | null;
    last_write_at_ms: number | null;
  };
  if (body.format !== FORMAT) throw new Error(`${key} has the unknown format ${String(body.format)}`);
  return { watermark: body.watermark ?? undefined, lastWriteAt: body.last_write_at_ms ?? undefined };
}
