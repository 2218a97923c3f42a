/**
 * Vectors without a model: hashed bags of words.
 *
 * Each word adds plus or minus one to one of 64 places, chosen by its hash, and the sum is scaled to length 1. Films that
 * share words are near each other; nothing is understood. It is honest filler for a demo, not an embedding.
 */

export const DIMENSIONS = 64;

/** The vector of the words in some texts; nulls are skipped. A film without any word gets the first axis. */
export function embed(texts: readonly (string | number | null)[]): number[] {
  const vector = new Array<number>(DIMENSIONS).fill(0);
  for (const text of texts) {
    for (const word of String(text ?? "")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []) {
      const hash = fnv1a(word);
      const place = hash % DIMENSIONS;
      vector[place] = (vector[place] ?? 0) + (hash & 0x8000_0000 ? 1 : -1);
    }
  }
  const length = Math.hypot(...vector);
  if (length === 0) return vector.map((_, place) => (place === 0 ? 1 : 0));
  return vector.map((value) => Number((value / length).toFixed(6)));
}

/** FNV-1a, 32 bits. */
function fnv1a(word: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(word)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
