/** UUID text in any accepted spelling, reduced to the one spelling that is stored, compared and printed. */

const HYPHENATED = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const SIMPLE = /^[0-9a-f]{32}$/;

/**
 * The lower-case hyphenated form, or `undefined` when the text is no UUID. Accepts hyphenated, 32 digits, `{…}` and
 * `urn:uuid:…` in any case, but not braces and prefix together. The canonical form sorts as its 16 bytes do.
 */
export function canonicalUuid(text: string): string | undefined {
  if (text.length > 45) return undefined;
  let body = text.toLowerCase();
  if (body.startsWith("{") && body.endsWith("}")) body = body.slice(1, -1);
  else if (body.startsWith("urn:uuid:")) body = body.slice(9);
  if (HYPHENATED.test(body)) return body;
  if (!SIMPLE.test(body)) return undefined;
  return [body.slice(0, 8), body.slice(8, 12), body.slice(12, 16), body.slice(16, 20), body.slice(20)].join(
    "-",
  );
}
