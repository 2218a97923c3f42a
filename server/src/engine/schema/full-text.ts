/** The options of a full-text index: defaults, ranges and the wire's printed form. */
import { badRequest, wrongShape } from "../errors.js";
import { isInteger, isObject, type Json, type JsonObject, toDouble } from "../json.js";
import type { AttributeType } from "./attribute-type.js";
import { isText } from "./attribute-type.js";
import { LANGUAGES, type Language } from "./languages.js";

export const TOKENIZERS = [
  "word_v0",
  "word_v1",
  "word_v2",
  "word_v3",
  "word_v4",
  "pre_tokenized_array",
] as const;
export type Tokenizer = (typeof TOKENIZERS)[number];

export interface FullTextOptions {
  readonly tokenizer: Tokenizer;
  /** `null` for pre-tokenised attributes, which know no language. */
  readonly language: Language | null;
  readonly stemming: boolean;
  readonly removeStopwords: boolean;
  readonly caseSensitive: boolean;
  readonly asciiFolding: boolean;
  /** Bytes; longer tokens are dropped. `null` for pre-tokenised attributes: no limit. */
  readonly maxTokenLength: number | null;
  readonly k1: number;
  readonly b: number;
  readonly k3: number;
}

/** Reads the value of `full_text_search`: `null` when off. Throws 400 on a broken rule, 422 on a wrong shape. */
export function parseFullText(
  value: Json | undefined,
  attribute: string,
  type: AttributeType,
): FullTextOptions | null {
  if (value === undefined || value === null || value === false) return null;
  if (!isText(type)) {
    throw badRequest(
      `full_text_search is only supported on string and []string attributes, not on '${attribute}'`,
    );
  }
  if (value !== true && !isObject(value)) {
    throw wrongShape(attribute, "data did not match any variant of untagged enum AttributeSchemaInput");
  }
  const config: JsonObject = value === true ? {} : value;
  const tokenizer = readOneOf(config, "tokenizer", TOKENIZERS, "word_v4", attribute);
  const ranking = {
    k1: readNumber(config, "k1", 1.2, attribute, (n) => n > 0, "greater than 0"),
    b: readNumber(config, "b", 0.75, attribute, (n) => n >= 0 && n <= 1, "between 0 and 1"),
    k3: readNumber(config, "k3", 8, attribute, (n) => n > 0, "greater than 0"),
  };
  if (tokenizer === "pre_tokenized_array") return preTokenized(config, attribute, type, ranking);
  return {
    tokenizer,
    language: readOneOf(config, "language", LANGUAGES, "english", attribute),
    stemming: readFlag(config, "stemming", attribute),
    removeStopwords: readFlag(config, "remove_stopwords", attribute),
    caseSensitive: readFlag(config, "case_sensitive", attribute),
    asciiFolding: readFlag(config, "ascii_folding", attribute),
    maxTokenLength: readTokenLength(config, attribute),
    ...ranking,
  };
}

function preTokenized(
  config: JsonObject,
  attribute: string,
  type: AttributeType,
  ranking: { k1: number; b: number; k3: number },
): FullTextOptions {
  if (type.kind !== "array") {
    throw badRequest(`tokenizer pre_tokenized_array requires type []string on attribute '${attribute}'`);
  }
  const set = (key: string, off: Json) =>
    config[key] !== undefined && config[key] !== null && config[key] !== off;
  const refused = [
    set("language", null) && "language",
    set("stemming", false) && "stemming",
    set("remove_stopwords", false) && "remove_stopwords",
    set("ascii_folding", false) && "ascii_folding",
    set("case_sensitive", true) && "case_sensitive",
    set("max_token_length", null) && "max_token_length",
  ].find((key) => key !== false);
  if (refused !== undefined) {
    throw badRequest(
      `${refused} cannot be set with tokenizer pre_tokenized_array on attribute '${attribute}'`,
    );
  }
  return {
    tokenizer: "pre_tokenized_array",
    language: null,
    stemming: false,
    removeStopwords: false,
    caseSensitive: true,
    asciiFolding: false,
    maxTokenLength: null,
    ...ranking,
  };
}

/** The wire's printed form. */
export function printFullText(options: FullTextOptions): JsonObject {
  return {
    k1: options.k1,
    b: options.b,
    k3: options.k3,
    language: options.language,
    stemming: options.stemming,
    max_token_length: options.maxTokenLength,
    remove_stopwords: options.removeStopwords,
    ascii_folding: options.asciiFolding,
    case_sensitive: options.caseSensitive,
    tokenizer: options.tokenizer,
  };
}

function readFlag(config: JsonObject, key: string, attribute: string): boolean {
  const value = config[key];
  if (value === undefined || value === null) return false;
  if (typeof value !== "boolean") throw invalidOption(attribute, key, "must be a boolean");
  return value;
}

function readNumber(
  config: JsonObject,
  key: string,
  fallback: number,
  attribute: string,
  allowed: (value: number) => boolean,
  rule: string,
): number {
  const value = toDouble(config[key] ?? fallback);
  if (value === undefined || !allowed(value)) throw invalidOption(attribute, key, `must be ${rule}`);
  return value;
}

function readTokenLength(config: JsonObject, attribute: string): number {
  const value = config.max_token_length;
  if (value === undefined || value === null) return 39;
  if (!isInteger(value) || value < 1 || value > 254) {
    throw invalidOption(attribute, "max_token_length", "must be between 1 and 254");
  }
  return Number(value);
}

function readOneOf<T extends string>(
  config: JsonObject,
  key: string,
  allowed: readonly T[],
  fallback: T,
  attribute: string,
): T {
  const value = config[key];
  if (value === undefined || value === null) return fallback;
  const found = allowed.find((name) => name === value);
  if (found === undefined) throw invalidOption(attribute, key, `must be one of ${allowed.join(", ")}`);
  return found;
}

function invalidOption(attribute: string, key: string, rule: string) {
  return badRequest(`invalid full_text_search for attribute '${attribute}': ${key} ${rule}`);
}
