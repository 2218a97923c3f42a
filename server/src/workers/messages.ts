/** What a gateway's processes say to each other over the channel between them. */

import type { Series } from "../adapters/metrics/series.js";

export type ToWorker =
  /** Answers `hello`: which worker it is, of how many, and where the engine listens, if there is one. */
  | { readonly type: "begin"; readonly worker: number; readonly of: number; readonly engineUrl?: string }
  /** The engine listens somewhere else now. */
  | { readonly type: "engine"; readonly url: string }
  /** Asks for its series. */
  | { readonly type: "collect"; readonly id: number }
  /** Answers `scrape`; without recordings when a process did not answer. */
  | { readonly type: "others"; readonly id: number; readonly recordings?: readonly Series[] }
  /** Asks for a sign of life. */
  | { readonly type: "ping" }
  /** Drain, then leave. */
  | { readonly type: "stop" };

export type FromWorker =
  /** It listens to the channel; what was sent before would be lost. */
  | { readonly type: "hello" }
  /** It listens. */
  | { readonly type: "ready"; readonly url: string }
  /** It cannot start, for a reason that the operator can do something about. */
  | { readonly type: "failed"; readonly message: string }
  /** Answers `ping`. */
  | { readonly type: "pong" }
  /** Answers `collect`. */
  | { readonly type: "series"; readonly id: number; readonly series: Series }
  /** Wants the series of all the others, and brings its own. */
  | { readonly type: "scrape"; readonly id: number; readonly series: Series };

/** Both ends run the same code, so a message of ours is known by its shape; others on the channel are Node's own. */
export function isMessage<Message extends ToWorker | FromWorker>(value: unknown): value is Message {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}
