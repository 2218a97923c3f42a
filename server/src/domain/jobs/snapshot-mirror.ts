/**
 * The newest snapshot body of a namespace, copied from the object store into the cache, from where every replica reads it
 * without asking the object store. The object store stays the truth.
 */

import type { BlobStore } from "../../ports/blob-store.js";
import { CacheUnavailable, type DocumentCache } from "../../ports/document-cache.js";

/** The set of mirrored bodies. No namespace can have its name: it holds a slash. */
const MIRROR_SET = "_hevlayer_snapshots/latest";
/** Version of the record: the body as the object store has it. */
const MARK = Buffer.from([1]);

export interface MirroredSnapshot {
  readonly key: string;
  /** Epoch-ms through which the body counts. */
  readonly watermarkMs: number;
  readonly sha: string;
}

export interface SnapshotMirror {
  /**
   * Copies the newest body of a namespace; undefined when there is none.
   * @throws BlobStoreError, CacheUnavailable
   */
  refresh(namespace: string): Promise<MirroredSnapshot | undefined>;
}

export function createSnapshotMirror({
  blobs,
  cache,
}: {
  /** Absent: nothing is ever stored, so nothing is there to mirror. */
  blobs: Pick<BlobStore, "list" | "get"> | undefined;
  /** Absent: nobody may ask. */
  cache: Pick<DocumentCache, "put" | "ensureEpoch"> | undefined;
}): SnapshotMirror {
  return {
    async refresh(namespace) {
      // Keys begin with the watermark counted down, so the first is the newest.
      const page = await blobs?.list({ prefix: `snapshots/${encodeURIComponent(namespace)}/`, limit: 1 });
      const key = page?.entries[0]?.key;
      const body = key === undefined ? undefined : await blobs?.get(key);
      if (key === undefined || body === undefined) return undefined;
      const named = /\/\d+-(?<watermark>\d+)-(?<sha>[0-9a-f]+)\.json$/.exec(key)?.groups;
      if (named === undefined) return undefined;
      if (cache === undefined) throw new CacheUnavailable("down", "there is no document cache");
      const epoch = await cache.ensureEpoch(MIRROR_SET);
      await cache.put(MIRROR_SET, [
        { id: namespace, condition: { when: "always" }, mark: MARK, epoch, attributes: body.body },
      ]);
      return { key, watermarkMs: Number(named.watermark), sha: named.sha ?? "" };
    },
  };
}
