/**
 * Splits text into words. `word_v3` and `word_v4` follow the word boundaries of UAX #29; ASCII text, by far the most,
 * takes a path of its own that gives the same words many times faster and does not move with the ICU of the host.
 * The older tokenizers are runs of alphanumerics with single ideographs and emoji kept or not.
 */
import type { Tokenizer } from "../schema/full-text.js";

type WordTokenizer = Exclude<Tokenizer, "pre_tokenized_array">;

/** The words of a text, in order and as written. */
export function tokenize(text: string, tokenizer: WordTokenizer): string[] {
  switch (tokenizer) {
    case "word_v4":
    case "word_v3":
      return (isAscii(text) ? (text.match(ASCII_WORD) ?? []) : segmentWords(text)).filter(isWord);
    case "word_v2":
      return text.match(WORD_V2) ?? [];
    case "word_v1":
      return text.match(WORD_V1) ?? [];
    case "word_v0":
      return text.match(WORD_V0) ?? [];
  }
}

/**
 * UAX #29 over ASCII: letters, digits and `_` run together; `'`, `.` and `:` join letters, `'`, `.`, `,` and `;` join
 * digits.
 */
const ASCII_WORD = /\w+(?:(?:(?<=[A-Za-z])['.:](?=[A-Za-z])|(?<=[0-9])['.,;](?=[0-9]))\w+)*/g;

const WORD_V2 =
  /[\p{Ideographic}\p{Extended_Pictographic}]|(?:(?![\p{Ideographic}])[\p{Alphabetic}\p{M}\p{N}])+/gu;
const WORD_V1 = /\p{Extended_Pictographic}|[\p{Alphabetic}\p{M}\p{N}]+/gu;
const WORD_V0 = /[\p{Alphabetic}\p{M}\p{N}]+/gu;

/** A segment counts as a word when it holds a letter or digit; a run of underscores does not. */
function isWord(segment: string): boolean {
  return ALPHANUMERIC.test(segment);
}

const ALPHANUMERIC = /[\p{Alphabetic}\p{N}]/u;

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

const SEGMENTER = new Intl.Segmenter("en", { granularity: "word" });

/** Characters that UAX #29 without a dictionary leaves alone; ICU's dictionary would group them. */
const SINGLES = /[\p{Ideographic}\p{Script=Hiragana}]/u;
const SINGLES_OR_RUNS = /[\p{Ideographic}\p{Script=Hiragana}]|[^\p{Ideographic}\p{Script=Hiragana}]+/gu;

function segmentWords(text: string): string[] {
  const words: string[] = [];
  // Not by `isWordLike`: ICU takes some letters for marks, U+303B for one.
  for (const { segment } of SEGMENTER.segment(text)) {
    if (SINGLES.test(segment)) words.push(...(segment.match(SINGLES_OR_RUNS) ?? []));
    else words.push(segment);
  }
  return words;
}
