/** Whether this machine's clock agrees with another's: write stamps and leases are read by machines that never meet. */

import { type Finding, ok, wrong } from "./finding.js";

/** Differences up to this are taken for the way there and back, in ms: a `Date` header has whole seconds. */
export const CLOCK_SKEW_MAX_MS = 5_000;

/**
 * @param theirs their wall clock, epoch-ms
 * @param ours ours at the same time
 */
export function judgeSkew(theirs: number, ours: number): Finding {
  const skew = ours - theirs;
  const seconds = (Math.abs(skew) / 1000).toFixed(1);
  if (Math.abs(skew) <= CLOCK_SKEW_MAX_MS) return ok(`its clock and ours agree to ${seconds} s`);
  return wrong(
    `this machine's clock is ${seconds} s ${skew > 0 ? "ahead of" : "behind"} its clock; set both by NTP`,
  );
}

/** Judges by the `Date` header of an answer; nothing is found where there is none. */
export function judgeDateHeader(date: string | undefined, ours: number): Finding[] {
  const theirs = Date.parse(date ?? "");
  return Number.isNaN(theirs) ? [] : [judgeSkew(theirs, ours)];
}
