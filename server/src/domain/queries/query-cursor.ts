/**
 * The token that asks for the next page of a query: where the page before ended, at which watermark, and of which query.
 *
 * It is not signed: whoever makes one up moves about in what they may read anyway.
 */

import { hash } from "node:crypto";
import { AppError } from "../../errors.js";
import type { JsonObject } from "../../lang/json-members.js";
import { depthMax } from "./page-size.js";
import type { PinnedCut } from "./stable-read.js";

export interface PagePosition extends PinnedCut {
  /** Id of the last row shown, as upstream's JSON text. */
  readonly lastId: string;
  /** Rows of the ranking up to and including that one. */
  readonly seen: number;
}

/** Far above what an id of upstream's length makes. */
const tokenCharactersMax = 2_048;

/** What a token holds; short names, since it travels in a header. */
interface TokenFields {
  v: 1;
  /** `lastId`. */
  id: string;
  n: number;
  /** The watermark. */
  w?: number | undefined;
  /** 1 when it was a filter. */
  f?: 1 | undefined;
  /** `queryHash`. */
  q: string;
}

export function encodeCursor(position: PagePosition, queryHash: string): string {
  const fields: TokenFields = {
    v: 1,
    id: position.lastId,
    n: position.seen,
    w: position.watermark,
    f: position.filtered ? 1 : undefined,
    q: queryHash,
  };
  return Buffer.from(JSON.stringify(fields)).toString("base64url");
}

/** @throws AppError `validation_error` for what is no token of ours, or of another query */
export function decodeCursor(token: string, queryHash: string): PagePosition {
  const fields = token.length > tokenCharactersMax ? undefined : parse(token);
  if (!isTokenFields(fields)) {
    throw new AppError("validation_error", "cursor: this is no token of an x-layer-next-cursor header");
  }
  if (fields.q !== queryHash) {
    throw new AppError(
      "validation_error",
      "cursor: this token belongs to another query; send the one it came with, changed in nothing but cursor",
    );
  }
  return { lastId: fields.id, seen: fields.n, watermark: fields.w, filtered: fields.f === 1 };
}

function parse(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    return undefined;
  }
}

function isTokenFields(value: unknown): value is TokenFields {
  if (typeof value !== "object" || value === null) return false;
  const { v, id, n, w, f, q } = value as Record<keyof TokenFields, unknown>;
  return (
    v === 1 &&
    typeof id === "string" &&
    isCount(n) &&
    n >= 1 &&
    n < depthMax &&
    (w === undefined || isCount(w)) &&
    (f === undefined || (f === 1 && w !== undefined)) &&
    typeof q === "string"
  );
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Characters of the hash that a token carries: 96 bits, against mistakes and not against forgers. */
const hashCharacters = 16;

/**
 * Tells a query of one namespace from any other, `cursor` left out. The order of the body's members and the space between
 * them do not count, nor do members that are null.
 */
export function queryHash(namespace: string, { bytes, members }: JsonObject): string {
  // No JSON text holds a NUL, so nothing can pass for what stands between two members.
  let text = namespace;
  for (const name of [...members.keys()].sort()) {
    const member = members.get(name);
    // An `n` is what null begins with.
    if (member === undefined || name === "cursor" || bytes[member.start] === 0x6e) continue;
    text += `\0${name}\0${bytes.toString("latin1", member.start, member.end)}`;
  }
  return hash("sha256", text, "base64url").slice(0, hashCharacters);
}
