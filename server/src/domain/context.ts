/** What a domain function knows of the request it serves: no transport types, so that a job can call it too. */

import type { Cancellation } from "../ports/upstream.js";
import type { Principal } from "../principal.js";
import type { RequestNotes } from "../request-notes.js";

export interface RequestContext {
  readonly requestId: string;
  readonly principal: Principal;
  /** The caller's headers, lower-case names, unfiltered: `forwarding.ts` decides what may go upstream. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The caller's query string without `?`, not decoded; empty when there is none. */
  readonly rawQuery: string;
  /** Aborts when the caller has gone. Writes finish all the same. */
  readonly signal: Cancellation;
  /** Where to say what is learnt on the way, for the log line and the metrics. Absent when no request is behind the call. */
  readonly notes?: RequestNotes | undefined;
  /**
   * Takes memory for a copy of the body, until the request is over. Absent when no request is behind the call.
   * @throws AppError `rate_limited` when bodies in flight take too much already
   */
  readonly reserve?: ((bytes: number) => void) | undefined;
}
