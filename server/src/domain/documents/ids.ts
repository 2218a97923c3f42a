/**
 * Document ids between their string form, which fetch speaks, and upstream's typed literals.
 *
 * An upstream filter on ids is typed: `"42"` does not find row 42. The namespace's schema says which of the two to send.
 */

export type IdType = "uint" | "uuid" | "string" | "unknown";

export interface TypedId {
  /** The string form upstream's answer will have; equal for two spellings of one id. */
  canonical: string;
  /** JSON text for an upstream filter. */
  literal: string;
}

const uintMax = 2n ** 64n - 1n;

/** Whether `text` is the decimal spelling of an integer from 0 to 2^64-1. */
export function isUintText(text: string): boolean {
  return /^(?:0|[1-9]\d{0,19})$/.test(text) && BigInt(text) <= uintMax;
}

/** The id as a namespace of `type` would have it; undefined when no row of such a namespace can have it. */
export function typedId(id: string, type: IdType): TypedId | undefined {
  switch (type) {
    case "uint":
      return isUintText(id) ? { canonical: id, literal: id } : undefined;
    case "uuid": {
      const canonical = canonicalUuid(id);
      return canonical === undefined ? undefined : { canonical, literal: JSON.stringify(canonical) };
    }
    default:
      // No UTF-8 stands for half of a surrogate pair: upstream refuses a body with one as no JSON.
      return /\p{Surrogate}/u.test(id) ? undefined : { canonical: id, literal: JSON.stringify(id) };
  }
}

/** The string form of an id in upstream's JSON. */
export function idFromJson(text: string): string {
  return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}

/** Lower case with hyphens, from any spelling upstream takes; undefined for anything else. */
function canonicalUuid(id: string): string | undefined {
  const bare = /^\{(.*)\}$/.exec(id)?.[1] ?? id.replace(/^urn:uuid:/i, "");
  const hyphenated = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(bare);
  if (!hyphenated && !/^[0-9a-f]{32}$/i.test(bare)) return undefined;
  const hex = bare.replaceAll("-", "").toLowerCase();
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
