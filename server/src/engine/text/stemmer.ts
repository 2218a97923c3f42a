/** Snowball stemmers by language, with a bounded memo: real text repeats its words, and stemming is the slow step. */
import snowball from "snowball-stemmers";
import { LANGUAGES_WITHOUT_STEMMER, type Language } from "../schema/languages.js";

const MEMO_WORDS_MAX = 50_000;

/** A function from a lower-case word to its stem. */
export function createStemmer(language: Language): (word: string) => string {
  if (LANGUAGES_WITHOUT_STEMMER.includes(language)) return (word) => word;
  const stemmer = snowball.newStemmer(language);
  const memo = new Map<string, string>();
  return (word) => {
    let stem = memo.get(word);
    if (stem === undefined) {
      stem = stemmer.stem(word);
      if (memo.size >= MEMO_WORDS_MAX) memo.clear();
      memo.set(word, stem);
    }
    return stem;
  };
}
