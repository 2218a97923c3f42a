/** Watches the index of namespaces, so that reads know which rows have settled. */

import type { UpstreamAnswer } from "../../ports/upstream.js";
import type { StableViews } from "./view.js";

/** Called while polls are judged; must return at once and not throw. */
export interface WatcherListener {
  /** A stable poll has moved the watermark on. */
  stable?(namespace: string, watermark: number): void;
  /** Somebody wrote around the gateway: upstream's last write is none of any replica's. */
  foreignWrite?(namespace: string): void;
  /** The namespace is watched no longer: it is gone upstream, or others were used more. */
  dropped?(namespace: string): void;
}

/** A request for metadata that is about to be sent, and what was true then. */
export interface Observation {
  /** Its answer, whatever the status. An answer that tells nothing changes nothing. */
  saw(answer: UpstreamAnswer): void;
}

export interface Watcher extends StableViews {
  /** Begins to watch a namespace. Idempotent; never called for a listing. */
  register(namespace: string): void;
  /** A write succeeded: watched, polled at once, and often until a stable poll that began after it. @param stamp epoch-ms */
  noteWritten(namespace: string, stamp: number): void;
  /** Call just before a metadata request is sent for a caller: its answer counts as a poll. Registers on success. */
  observe(namespace: string): Observation;
  /** The namespace was deleted: all that is known of it goes. */
  forget(namespace: string): void;
  /** @returns ends the listening */
  on(listener: WatcherListener): () => void;
}
