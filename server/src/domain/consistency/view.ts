/**
 * What stable reads need to know of a namespace, apart from how it comes to be known: queries, documents and jobs code against
 * these, and the watcher fills them.
 */

/** What the last poll that told anything said of upstream's index. */
export type IndexStatus = "stable" | "updating" | "unknown";

/** What is known of a namespace. Read it once, at the start of a request: filter, retry and header must agree. */
export interface NamespaceView {
  readonly status: IndexStatus;
  /**
   * The watermark, epoch-ms: every write stamped at or before it has been applied and indexed, or never will be. Undefined
   * before the first stable poll. Never goes back.
   */
  readonly watermark: number | undefined;
  /**
   * Whether upstream, going by the schema as of the last poll, takes a filter on `_hevlayer_upserted_at`: the attribute is
   * there, an integer and filterable.
   */
  readonly hasStamp: boolean;
}

export interface StableViews {
  /** Of a namespace that is not watched: unknown, no watermark, no stamp. Never registers it. */
  view(namespace: string): NamespaceView;
}

export interface ConsistencyPolicy {
  /** `strong`: reads ask upstream for strong consistency and are not filtered. */
  levelOf(namespace: string): "eventual" | "strong";
}

export const unknownView: NamespaceView = { status: "unknown", watermark: undefined, hasStamp: false };

/** The policy where none is configured. */
export const eventualPolicy: ConsistencyPolicy = { levelOf: () => "eventual" };
