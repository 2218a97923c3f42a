/** The rows every store of the benchmark is loaded with: the same ones in every run, on any machine. */

export const DIMS = 128;
/** One category of fifty passes the 2 % filter. */
export const CATEGORIES = 50;
const WORDS = 20_000;
const WORDS_A_TITLE = 12;
const CLUSTERS = 200;

export interface BenchRow {
  readonly id: number;
  readonly vector: Float32Array;
  readonly title: string;
  readonly category: string;
  readonly price: number;
}

/** A small generator of numbers in [0, 1): the same seed gives the same numbers. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SYLLABLES = ["ba", "ko", "ri", "mu", "ten", "sol", "va", "zi", "pra", "do"];

/** The word of a rank; lower ranks are more frequent. No two ranks share one. */
export function wordOfRank(rank: number): string {
  return Array.from(String(rank), (digit) => SYLLABLES[Number(digit)]).join("");
}

/** Ranks as in natural text: the frequency of a rank falls with its number. */
function someWord(random: () => number): string {
  return wordOfRank(Math.floor(WORDS ** random()) - 1);
}

/** Vectors in clusters with noise, so that neighbours are near as in real embeddings. */
export function createRows(count: number): BenchRow[] {
  const random = randomFrom(7);
  const centres = Array.from({ length: CLUSTERS }, () =>
    Float32Array.from({ length: DIMS }, () => random() * 2 - 1),
  );
  return Array.from({ length: count }, (_, id) => {
    const centre = centres[Math.floor(random() * CLUSTERS)] as Float32Array;
    return {
      id,
      vector: centre.map((element) => element + (random() - 0.5) * 0.6),
      title: Array.from({ length: WORDS_A_TITLE }, () => someWord(random)).join(" "),
      category: `c${id % CATEGORIES}`,
      price: Math.floor(random() * 1_000_000),
    };
  });
}
