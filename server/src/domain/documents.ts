/**
 * Reads by id, one or many. Every read goes upstream so far, so every answer is a `miss`.
 *
 * Answers are assembled from upstream's own bytes: an integer attribute beyond 2^53 stays what it is.
 */

import { AppError } from "../errors.js";
import { JsonCursor } from "../lang/json-cursor.js";
import { isSet, memberValue, readMembers } from "../lang/json-members.js";
import { type AttributeSelection, selectAttributes } from "./attribute-selection.js";
import { readBody } from "./body.js";
import type { DocumentReads, StoredAttributes } from "./document-reads.js";
import { isUintText } from "./ids.js";
import type { Documents } from "./operations.js";
import { jsonRelay, type Relay } from "./relay.js";

const idsMax = 10_000;

export function createDocuments({ reads }: { reads: DocumentReads }): Documents {
  return {
    fetchDocument: async (context, namespace, docId, includeAttributes) => {
      const selection = selectAttributes(namesFromQuery(includeAttributes));
      const found = await reads.read(context, namespace, [docId], selection.shows);
      if (found.kind === "refused") return found.relay;
      const id = found.canonical(docId);
      const attributes = id === undefined ? undefined : found.rows.get(id);
      if (id === undefined || attributes === undefined) {
        throw new AppError("not_found", `document '${docId}' was not found in namespace '${namespace}'`);
      }
      return answer(Buffer.concat(documentJson(id, attributes)), selection);
    },

    fetchDocuments: async (context, namespace, body) => {
      const request = readBody(body, readFetchRequest);
      const selection = selectAttributes(request.includeAttributes);
      const found = await reads.read(context, namespace, request.ids, selection.shows);
      if (found.kind === "refused") return found.relay;
      const documents: Buffer[] = [];
      const missing: string[] = [];
      const seen = new Set<string>();
      for (const asked of request.ids) {
        const id = found.canonical(asked) ?? asked;
        if (seen.has(id)) continue;
        seen.add(id);
        const attributes = found.rows.get(id);
        if (attributes === undefined) missing.push(asked);
        else documents.push(comma(documents.length), ...documentJson(id, attributes));
      }
      const head = Buffer.from('{"documents":[');
      const tail = Buffer.from(`],"missing":${JSON.stringify(missing)}}`);
      return answer(Buffer.concat([head, ...documents, tail]), selection);
    },
  };
}

function answer(json: Buffer, selection: AttributeSelection): Relay {
  const warning = selection.vectorDropped ? { "x-layer-warning": "vector_attribute_dropped" } : {};
  return jsonRelay(200, json, { "x-layer-cache": "miss", ...warning });
}

function documentJson(id: string, attributes: StoredAttributes): Buffer[] {
  const parts: Buffer[] = [Buffer.from(`{"id":${JSON.stringify(id)},"attributes":{`)];
  for (const [index, [name, json]] of attributes.entries()) {
    parts.push(Buffer.from(`${index === 0 ? "" : ","}${JSON.stringify(name)}:`), json);
  }
  parts.push(Buffer.from("}}"));
  return parts;
}

function comma(before: number): Buffer {
  return Buffer.from(before === 0 ? "" : ",");
}

/** `a,b` and a repeated parameter both list names. */
function namesFromQuery(given: string | readonly string[] | undefined): string[] | undefined {
  if (given === undefined) return undefined;
  const lists = typeof given === "string" ? [given] : given;
  return lists.flatMap((list) => list.split(",")).flatMap((name) => name.trim() || []);
}

interface FetchRequest {
  /** In string form, in the caller's order. */
  ids: string[];
  includeAttributes: string[] | undefined;
}

/** @throws AppError `validation_error` naming the field */
function readFetchRequest(bytes: Buffer): FetchRequest {
  const object = readMembers(bytes);
  if (object === undefined) throw new AppError("validation_error", "fetch body: expected an object");
  const names: unknown = isSet(object, "include_attributes")
    ? memberValue(object, "include_attributes")
    : undefined;
  const list = object.members.get("ids");
  const ids = list === undefined ? undefined : readIds(new JsonCursor(object.bytes, list.start, list.end));
  if (ids === undefined) throw new AppError("validation_error", "ids: expected an array of ids");
  if (ids.length === 0) throw new AppError("validation_error", "ids: at least 1 id is needed");
  if (ids.length > idsMax) {
    throw new AppError("validation_error", `ids: at most ${idsMax} ids may be given, got ${ids.length}`);
  }
  if (names !== undefined && !isStrings(names)) {
    throw new AppError("validation_error", "include_attributes: expected an array of strings");
  }
  return { ids, includeAttributes: names };
}

/** Numbers are taken as their digits, which keeps them exact; undefined when the value is no array. */
function readIds(cursor: JsonCursor): string[] | undefined {
  if (cursor.kind() !== "array") return undefined;
  const ids: string[] = [];
  cursor.array((index) => {
    const isString = cursor.kind() === "string";
    const id = isString ? cursor.string() : cursor.text();
    if (!isString && !isUintText(id)) {
      throw new AppError(
        "validation_error",
        `ids[${index}]: expected a string or an integer from 0 to 2^64-1`,
      );
    }
    ids.push(id);
  });
  return ids;
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((element) => typeof element === "string");
}
