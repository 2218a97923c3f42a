/**
 * From text to index terms: segment, drop over-long words, lower-case, drop stop words, stem, fold. Documents and
 * queries go through the same analyzer, else they would not meet.
 */
import type { FullTextOptions } from "../schema/full-text.js";
import type { Value } from "../values.js";
import { foldToAscii } from "./ascii-folding.js";
import { createStemmer } from "./stemmer.js";
import { stopWords } from "./stop-words.js";
import { tokenize } from "./tokenize.js";

export interface Analyzer {
  readonly options: FullTextOptions;
  /** Terms of one text, in order, repeats included. */
  tokens(text: string): string[];
  /** Terms of an attribute's value: one list per text, and for pre-tokenised values the elements themselves. */
  tokensOfValue(value: Value): string[][];
}

export function createAnalyzer(options: FullTextOptions): Analyzer {
  const { tokenizer } = options;
  if (tokenizer === "pre_tokenized_array") {
    return {
      options,
      tokens: (text) => [text],
      tokensOfValue: (value) => [[...(value as readonly string[])]],
    };
  }
  const toTerm = createTermPipeline(options);
  const tokens = (text: string): string[] => {
    const terms: string[] = [];
    for (const word of tokenize(text, tokenizer)) {
      const term = toTerm(word);
      if (term !== "") terms.push(term);
    }
    return terms;
  };
  const tokensOfValue = (value: Value): string[][] =>
    Array.isArray(value) ? value.map((text) => tokens(text as string)) : [tokens(value as string)];
  return { options, tokens, tokensOfValue };
}

/** Maps a word to its term, or to "" when it is dropped. */
function createTermPipeline(options: FullTextOptions): (word: string) => string {
  const maxBytes = options.maxTokenLength ?? Number.POSITIVE_INFINITY;
  const language = options.language ?? "english";
  const stops = options.removeStopwords ? stopWords(language) : null;
  const stem = options.stemming ? createStemmer(language) : null;
  return (word) => {
    // Three bytes a unit is the most UTF-8 takes, so short words need no measuring.
    if (word.length * 3 > maxBytes && Buffer.byteLength(word) > maxBytes) return "";
    let term = options.caseSensitive ? word : word.toLowerCase();
    if (stops?.has(term)) return "";
    if (stem !== null) term = stem(term);
    return options.asciiFolding ? foldToAscii(term) : term;
  };
}
