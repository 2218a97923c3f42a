/**
 * When watermarks are read from and written to their records: read once before a namespace's watermark is shown, written with the
 * first that is known of it, and then when a stable poll has followed a write, at most every ten seconds.
 *
 * The blob store being down delays both and fails nothing.
 */

import type { Clock } from "../../clock.js";
import type { WatchedNamespace } from "./watched-namespaces.js";
import type { WatermarkRecords } from "./watermark-records.js";

export interface WatermarkKeeper {
  /** Lets a namespace go on from its record, where that was not done yet. Never rejects. */
  read(namespace: WatchedNamespace): Promise<void>;
  /** Stores what is worth it. Never rejects. @param options.now not to wait for ten seconds to have passed */
  store(
    namespace: WatchedNamespace,
    options?: { now?: boolean; signal?: AbortSignal | undefined },
  ): Promise<void>;
}

export interface WatermarkKeeperDependencies {
  readonly records: WatermarkRecords | undefined;
  readonly clock: Clock;
  /** Gives up a call of the blob store after `ms`. */
  readonly timeout: (ms: number) => AbortSignal;
}

const STORE_EVERY_MS = 10_000;
/** A caller's metadata may wait for it. */
const READ_TIMEOUT_MS = 1_000;
const WRITE_TIMEOUT_MS = 5_000;
const READ_AGAIN_MS = 5_000;

export function createWatermarkKeeper(dependencies: WatermarkKeeperDependencies): WatermarkKeeper {
  const { records, clock, timeout } = dependencies;

  /** Without a record there is one to be made; with one, a write must have been followed by a higher watermark. */
  function isWorthStoring({ record, watermark, status, wrote, lastWrites }: WatchedNamespace): boolean {
    if (record === "unread") return false;
    if (record === "absent") return watermark !== undefined || lastWrites.known !== undefined;
    const stored = record.watermark ?? Number.NEGATIVE_INFINITY;
    return status === "stable" && watermark !== undefined && watermark > stored && wrote > stored;
  }

  return {
    async read(namespace) {
      if (records === undefined || namespace.record !== "unread") return;
      if (clock.monotonic() < namespace.readRecordAt) return;
      try {
        const record = await records.read(namespace.name, { signal: timeout(READ_TIMEOUT_MS) });
        namespace.record = record ?? "absent";
        if (record?.watermark !== undefined) namespace.advance(record.watermark);
        namespace.lastWrites.restore(record?.lastWriteAt);
        namespace.show();
      } catch {
        // The watermark stays hidden, and the state of the blob store says why.
        namespace.readRecordAt = clock.monotonic() + READ_AGAIN_MS;
      }
    },

    async store(namespace, options) {
      if (records === undefined || !isWorthStoring(namespace)) return;
      const now = clock.monotonic();
      if (options?.now !== true && now - namespace.recordedAt < STORE_EVERY_MS) return;
      namespace.recordedAt = now;
      const record = { watermark: namespace.watermark, lastWriteAt: namespace.lastWrites.known };
      const late = timeout(WRITE_TIMEOUT_MS);
      const signal = options?.signal === undefined ? late : AbortSignal.any([late, options.signal]);
      try {
        await records.write(namespace.name, record, { signal });
        namespace.record = record;
      } catch {
        // A later poll stores a higher one.
      }
    },
  };
}
