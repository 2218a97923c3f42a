/** The cache as a warm job fills it. */

import type { OriginDocument } from "../documents/document-reads.js";
import type { OriginRow } from "../jobs/origin-pages.js";
import type { Epochs } from "./epochs.js";
import type { PageFill } from "./page-fill.js";
import { DocumentWriter } from "./stored-document.js";
import { vectorFromJson } from "./stored-vector.js";
import type { Warmth } from "./warmth.js";

export interface CacheWarmSink {
  /** The cache's epoch of the namespace, made when it has none. @throws CacheUnavailable */
  epoch(namespace: string): Promise<string>;
  /**
   * Puts rows where nothing stands under the present epoch; what a write or a fetch has put there meanwhile stays.
   * @param epoch of the namespace, as read before the page was asked for
   * @param askedAt monotonic time at which the page was asked for
   * @returns rows that the cache does not hold now. @throws CacheUnavailable when a row could not be put
   */
  fill(
    namespace: string,
    epoch: string,
    rows: readonly OriginRow[],
    askedAt: number,
  ): Promise<{ readonly uncacheable: number }>;
  /**
   * Everything of the namespace up to `through` is in the cache, if its epoch is still `epoch` and nothing was lost since.
   * @param since epoch-ms at which the job began
   */
  warmed(namespace: string, through: number, epoch: string, since: number): Promise<void>;
}

export function createWarmSink({
  epochs,
  pages,
  warmth,
  register,
}: {
  epochs: Pick<Epochs, "current">;
  pages: PageFill;
  warmth: Pick<Warmth, "warmed">;
  /** The namespace must be watched for writes around the gateway. */
  register: (namespace: string) => void;
}): CacheWarmSink {
  return {
    async epoch(namespace) {
      register(namespace);
      return epochs.current(namespace);
    },
    async fill(namespace, epoch, rows, askedAt) {
      const writer = new DocumentWriter();
      const documents = new Map<string, OriginDocument>();
      for (const { id, attributes, vector } of rows) {
        for (const [name, json] of attributes) writer.add(name, json);
        const document = {
          attributes: writer.finish(),
          vector: vector === undefined ? undefined : vectorFromJson(vector),
        };
        documents.set(id, document);
      }
      const { uncached } = await pages.fill(namespace, epoch, documents, askedAt);
      return { uncacheable: uncached };
    },
    warmed: warmth.warmed,
  };
}
