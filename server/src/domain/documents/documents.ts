/**
 * Reads by id, one or many, from the cache or from upstream.
 *
 * Answers are assembled from the bytes that were written or that upstream gave: an integer attribute beyond 2^53 stays what it
 * is.
 */

import { AppError } from "../../errors.js";
import { JsonCursor } from "../../lang/json-cursor.js";
import { isSet, memberValue, readMembers } from "../../lang/json-members.js";
import type { CachedReads, CacheResult, ReadPart } from "../cache/cached-reads.js";
import { selectMembers } from "../cache/stored-document.js";
import { readBody } from "../forwarding/body.js";
import { jsonRelay, type Relay } from "../forwarding/relay.js";
import type { Documents } from "../operations.js";
import { checkSearchTags } from "../queries/search-tags.js";
import { type AttributeSelection, selectAttributes } from "./attribute-selection.js";
import { isUintText } from "./ids.js";

const idsMax = 10_000;

const wholeDocument: ReadPart<Buffer> = {
  part: "attributes",
  cached: ({ attributes }) => attributes,
  read: ({ attributes }) => attributes,
};

export function createDocuments({ reads }: { reads: CachedReads }): Documents {
  return {
    fetchDocument: async (context, namespace, docId, includeAttributes) => {
      checkSearchTags(context);
      const selection = selectAttributes(namesFromQuery(includeAttributes));
      const found = await reads.read(context, namespace, [docId], wholeDocument);
      if (found.kind === "refused") return found.relay;
      const id = found.canonical(docId);
      const attributes = id === undefined ? undefined : found.rows.get(id);
      if (id === undefined || attributes === undefined) {
        throw new AppError("not_found", `document '${docId}' was not found in namespace '${namespace}'`);
      }
      return answer(documentJson(id, attributes, selection), found.cache, selection);
    },

    fetchDocuments: async (context, namespace, body) => {
      checkSearchTags(context);
      const request = readBody(body, readFetchRequest);
      if (context.notes !== undefined) context.notes.rows = request.ids.length;
      const selection = selectAttributes(request.includeAttributes);
      const found = await reads.read(context, namespace, request.ids, wholeDocument);
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
        else documents.push(comma(documents.length), ...documentJson(id, attributes, selection));
      }
      const head = Buffer.from('{"documents":[');
      const tail = Buffer.from(`],"missing":${JSON.stringify(missing)}}`);
      return answer([head, ...documents, tail], found.cache, selection);
    },
  };
}

function answer(json: Buffer[], cache: CacheResult, selection: AttributeSelection): Relay {
  const headers = selection.vectorDropped
    ? { "x-layer-cache": cache, "x-layer-warning": "vector_attribute_dropped" }
    : { "x-layer-cache": cache };
  return jsonRelay(200, Buffer.concat(json), headers);
}

function documentJson(id: string, document: Buffer, selection: AttributeSelection): Buffer[] {
  const head = Buffer.from(`{"id":${JSON.stringify(id)},"attributes":{`);
  return [head, selectMembers(document, selection.shows), documentEnd];
}

const documentEnd = Buffer.from("}}");

function comma(before: number): Buffer {
  return before === 0 ? noBytes : commaBytes;
}

const noBytes = Buffer.alloc(0);
const commaBytes = Buffer.from(",");

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
