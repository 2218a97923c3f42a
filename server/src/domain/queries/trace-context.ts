/** The W3C trace that a query belongs to: the caller's, or one that begins here. */

/** Random bytes in lower-case hexadecimal, twice as many characters. */
export type RandomHex = (bytes: number) => string;

const traceparent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Whether a `traceparent` header can be passed on: version 00, lower-case hexadecimal, neither id all zeros. */
export function isTraceparent(header: string | readonly string[] | undefined): header is string {
  return typeof header === "string" && traceparent.test(header);
}

/** A new trace, sampled. */
export function mintTraceparent(random: RandomHex): string {
  const ids = random(24);
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-01`;
}
