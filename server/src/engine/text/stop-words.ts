/** Snowball's stop lists by language. */
import { stopwords as arabic } from "@orama/stopwords/arabic";
import { stopwords as danish } from "@orama/stopwords/danish";
import { stopwords as dutch } from "@orama/stopwords/dutch";
import { stopwords as english } from "@orama/stopwords/english";
import { stopwords as finnish } from "@orama/stopwords/finnish";
import { stopwords as french } from "@orama/stopwords/french";
import { stopwords as german } from "@orama/stopwords/german";
import { stopwords as greek } from "@orama/stopwords/greek";
import { stopwords as hungarian } from "@orama/stopwords/hungarian";
import { stopwords as italian } from "@orama/stopwords/italian";
import { stopwords as norwegian } from "@orama/stopwords/norwegian";
import { stopwords as portuguese } from "@orama/stopwords/portuguese";
import { stopwords as romanian } from "@orama/stopwords/romanian";
import { stopwords as russian } from "@orama/stopwords/russian";
import { stopwords as spanish } from "@orama/stopwords/spanish";
import { stopwords as swedish } from "@orama/stopwords/swedish";
import { stopwords as tamil } from "@orama/stopwords/tamil";
import { stopwords as turkish } from "@orama/stopwords/turkish";
import type { Language } from "../schema/languages.js";

const LISTS: Readonly<Record<Language, readonly string[]>> = {
  arabic,
  danish,
  dutch,
  english,
  finnish,
  french,
  german,
  greek,
  hungarian,
  italian,
  norwegian,
  portuguese,
  romanian,
  russian,
  spanish,
  swedish,
  tamil,
  turkish,
};

/** The language's stop words, lower-case. */
export function stopWords(language: Language): ReadonlySet<string> {
  const words = LISTS[language];
  // The list has letters with a cedilla, as old character sets do; Romanian is written with a comma below.
  if (language === "romanian") {
    return new Set([...words, ...words.map((word) => word.replaceAll("ş", "ș").replaceAll("ţ", "ț"))]);
  }
  return new Set(words);
}
