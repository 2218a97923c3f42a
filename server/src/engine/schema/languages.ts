/** The languages of full-text attributes, as the wire names them. */
export const LANGUAGES = [
  "arabic",
  "danish",
  "dutch",
  "english",
  "finnish",
  "french",
  "german",
  "greek",
  "hungarian",
  "italian",
  "norwegian",
  "portuguese",
  "romanian",
  "russian",
  "spanish",
  "swedish",
  "tamil",
  "turkish",
] as const;
export type Language = (typeof LANGUAGES)[number];

/** Accepted, with stop words, but words stay whole: the stemmer library does not know these. Health lists them. */
export const LANGUAGES_WITHOUT_STEMMER: readonly Language[] = ["greek"];
