/**
 * Document ids: one of three kinds per namespace. Inside, a `uint` is a number while exact and a bigint above 2^53-1,
 * so that one id has one representation and a Map finds it; uuids are canonical text.
 */
import { badRequest, wrongShape } from "./errors.js";
import { isInteger, type Json } from "./json.js";
import { LIMITS } from "./limits.js";
import { canonicalUuid } from "./uuid.js";

export type IdType = "uint" | "uuid" | "string";
export type Id = number | bigint | string;

export const UINT64_MAX = 2n ** 64n - 1n;

/** The kind an id of the wire implies when the schema does not say. */
export function inferIdType(id: number | bigint | string): IdType {
  return typeof id === "string" ? "string" : "uint";
}

/** The wire's untyped form of an id; anything but text or a u64 is a 422 naming `path`. `variant` is the wire's type name. */
export function readRawId(
  value: Json | undefined,
  path: string,
  variant: "Id" | "IdVec",
): number | bigint | string {
  if (typeof value === "string") return value;
  if (isInteger(value) && value >= 0 && value <= UINT64_MAX) return normalInteger(value);
  throw wrongShape(path, `data did not match any variant of untagged enum ${variant}`);
}

/** Brings an id to the namespace's kind. Throws 400 on another kind, an unreadable uuid or over-long text. */
export function toId(raw: number | bigint | string, type: IdType): Id {
  if (type === "uint") {
    if (typeof raw === "string") throw mixedIds(type, "string");
    return raw;
  }
  if (typeof raw !== "string") throw mixedIds(type, "uint");
  if (type === "uuid") {
    const uuid = canonicalUuid(raw);
    if (uuid === undefined) {
      throw badRequest("namespace ID type is uuid, but a written ID could not be parsed as uuid");
    }
    return uuid;
  }
  if (Buffer.byteLength(raw) > LIMITS.idBytes) {
    throw badRequest(`document ID '${raw.slice(0, 80)}' is too long, limit is ${LIMITS.idBytes} bytes`);
  }
  return raw;
}

function mixedIds(expected: IdType, sent: IdType) {
  return badRequest(
    `namespace ID type is ${expected}, but you sent ${sent}; you are not allowed to mix ID types in the same namespace`,
  );
}

/** One representation per integer: number while exact, bigint beyond. */
export function normalInteger(value: number | bigint): number | bigint {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value + 0 : BigInt(value);
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}
