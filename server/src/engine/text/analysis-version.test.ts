import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { parseFullText, TOKENIZERS } from "../schema/full-text.js";
import { LANGUAGES } from "../schema/languages.js";
import { ANALYSIS_VERSION } from "./analysis-version.js";
import { createAnalyzer } from "./analyzer.js";
import { stopWords } from "./stop-words.js";

/** Words of every language with the endings that its stemmer is about, and what tokenizers and folding differ on. */
const SAMPLES = [
  "The foxes were jumping over running rivers, don't 3.14 foo_bar self-evident wasn't happily nationalization",
  "كتاب الكتب المدرسة يكتبون والمعلمون",
  "husene bilerne løberne kærlighed",
  "huizen lopende vriendelijkheid katten",
  "talossanikin juoksemassa kirjoittaminen",
  "chevaux continuellement mangeaient œuvre Noël",
  "Häuser laufenden Freundlichkeiten Straße",
  "άνθρωποι βιβλία τρέχοντας",
  "házakban futottak barátságosan",
  "bambini correndo velocemente abbandonarono",
  "husene løpende vennligheten",
  "correndo felizmente nações crianças",
  "alergând copiilor frumoasele",
  "бегущие книгами человеческий Ёлка",
  "corriendo felizmente naciones niños",
  "husen springande vänligheten",
  "புத்தகங்கள் ஓடுகிறார்கள்",
  "kitaplardan koşuyorlar evlerimizden",
  "日本 a🎉b 中文",
];

function termsOfEverything(): string {
  const lines: string[] = [];
  for (const tokenizer of TOKENIZERS.filter((name) => name !== "pre_tokenized_array")) {
    for (const language of LANGUAGES) {
      const config = { tokenizer, language, stemming: true, remove_stopwords: true, ascii_folding: true };
      const options = parseFullText(config, "text", { kind: "scalar", of: "string" });
      if (options === null) throw new Error("the options turn the index off");
      const analyzer = createAnalyzer(options);
      lines.push(`${tokenizer} ${language} ${SAMPLES.flatMap((text) => analyzer.tokens(text)).join(" ")}`);
    }
  }
  for (const language of LANGUAGES) lines.push([...stopWords(language)].join(" "));
  return lines.join("\n");
}

it("has a new version whenever the terms of a text change, because saved indexes hold the old ones", () => {
  const digest = createHash("sha256").update(termsOfEverything()).digest("hex").slice(0, 16);
  // Different on purpose? Raise ANALYSIS_VERSION, and put the new pair here.
  expect([ANALYSIS_VERSION, digest]).toEqual([2, "066c48eab1badda1"]);
});
