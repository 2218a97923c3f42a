/** What every handler is told about the request it serves, beside its parameters and body. */

import type { Principal } from "../principal.js";
import type { RequestNotes } from "../request-notes.js";
import type { CallerSignal } from "./caller-signal.js";

export interface CallContext {
  readonly requestId: string;
  readonly principal: Principal;
  /** The caller's headers, lower-case names, unfiltered. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Without `?`, not decoded; empty when there is none. */
  readonly rawQuery: string;
  /** Aborts when the caller has gone. */
  readonly signal: CallerSignal;
  /** Where to say what is learnt on the way, for the log line and the metrics. */
  readonly notes: RequestNotes;
  /**
   * Takes memory for a copy of the body, until the request is over.
   * @throws AppError `rate_limited` when bodies in flight take too much already
   */
  readonly reserve: (bytes: number) => void;
}
