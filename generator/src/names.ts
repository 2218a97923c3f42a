/**
 * Words to identifiers: the one place that knows how each language joins and protects a name.
 *
 * The spec's names are split once (`splitWords`); the emitters join the words, so `doc_id`, `docId` and `DocID` are one
 * name in three spellings and can never drift.
 */

/**
 * Splits a wire name or operationId into lower-case words: `getTurbopufferV1Schema` gives get, turbopuffer, v1, schema;
 * `x-layer-cache` gives x, layer, cache; `$dist` gives dist.
 */
export function splitWords(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "")
    .map((word) => word.toLowerCase());
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** `docId` */
export function camel(words: readonly string[]): string {
  return words.map((word, index) => (index === 0 ? word : capital(word))).join("");
}

/** `DocId` */
export function pascal(words: readonly string[]): string {
  return words.map(capital).join("");
}

/** `doc_id` */
export function snake(words: readonly string[]): string {
  return words.join("_");
}

/** `doc-id` */
export function kebab(words: readonly string[]): string {
  return words.join("-");
}

/** `DOC_ID` */
export function constant(words: readonly string[]): string {
  return words.join("_").toUpperCase();
}

/**
 * Words that Go writes in capitals. The public surface fixes `ID` and `LatencyMS`; other abbreviations stay
 * capitalised as words (`QueryMetricsApiV1`, `Sha`, plural `Ids`).
 */
const GO_INITIALISMS: Readonly<Record<string, string>> = { id: "ID", ms: "MS" };

/** `DocID`: an exported Go name. */
export function goExported(words: readonly string[]): string {
  return words.map((word) => GO_INITIALISMS[word] ?? capital(word)).join("");
}

/** `docID`: an unexported Go name, safe against keywords and predeclared names. */
export function goLocal(words: readonly string[]): string {
  const [first = "", ...rest] = words;
  return safeIdentifier("go", first + goExported(rest));
}

export type Language = "typescript" | "python" | "go";

const RESERVED: Readonly<Record<Language, ReadonlySet<string>>> = {
  typescript: new Set(
    (
      "arguments await break case catch class const continue debugger default delete do else enum eval export extends " +
      "false finally for function if implements import in instanceof interface let new null package private protected " +
      "public return static super switch this throw true try typeof undefined var void while with yield"
    ).split(" "),
  ),
  python: new Set(
    (
      "False None True and as assert async await break class continue def del elif else except finally for from global " +
      "if import in is lambda nonlocal not or pass raise return self try while with yield"
    ).split(" "),
  ),
  go: new Set(
    (
      "any append bool break byte cap case chan clear close comparable complex const continue copy default defer delete " +
      "else error fallthrough false for func go goto if imag import int interface iota len make map max min new nil " +
      "package panic print range real recover return rune select string struct switch true type uint uintptr var"
    ).split(" "),
  ),
};

/** The name itself, or with a trailing underscore where the language reserves it; a leading digit gets one in front. */
export function safeIdentifier(language: Language, name: string): string {
  if (/^[0-9]/.test(name)) return `_${name}`;
  return RESERVED[language].has(name) ? `${name}_` : name;
}

/** An object key as TypeScript spells it: bare when it is an identifier, quoted otherwise. */
export function typescriptKey(wire: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(wire) ? wire : JSON.stringify(wire);
}

/** The words of the method that waits for a job: `getWarmJob` has `waitForWarmJob` beside it. */
export function waitWords(operationWords: readonly string[]): string[] {
  return ["wait", "for", ...operationWords.slice(1)];
}

/**
 * The words of the method that walks all pages of a listing: the first word gives way to `iter`, so `listNamespaces`
 * has `iterNamespaces` beside it.
 */
export function iterWords(operationWords: readonly string[]): string[] {
  return ["iter", ...operationWords.slice(1)];
}
