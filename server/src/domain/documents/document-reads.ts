/**
 * Rows by id from upstream, as fetch needs them: strongly consistent, ids typed as the namespace has them, values as
 * the bytes upstream sent.
 */

import { JsonCursor } from "../../lang/json-cursor.js";
import { membersAt, memberText } from "../../lang/json-members.js";
import type { Upstream, UpstreamAnswer } from "../../ports/upstream.js";
import { DocumentWriter } from "../cache/stored-document.js";
import { type StoredVector, vectorFromJson } from "../cache/stored-vector.js";
import { mapConcurrently } from "../concurrently.js";
import type { RequestContext } from "../context.js";
import { readAnswer } from "../forwarding/answer.js";
import { namespacePath, tracingHeaders } from "../forwarding/forwarding.js";
import { isSuccess, type Relay, relayAnswer } from "../forwarding/relay.js";
import { isVectorAttribute } from "../reserved.js";
import type { IdTypes, NamespaceTypes } from "./id-types.js";
import { type IdType, idFromJson, isUintText, type TypedId, typedId } from "./ids.js";

/** An attribute's name and its value as JSON bytes; nulls are left out, as upstream leaves them out. */
export type StoredAttributes = readonly (readonly [name: string, json: Buffer])[];

/** A row as it is cached and answered. */
export interface OriginDocument {
  /** Its attributes in the form of `stored-document.ts`; nulls are left out, as upstream leaves them out. */
  readonly attributes: Buffer;
  /** The attribute `vector`; only when vectors were asked for. */
  readonly vector: StoredVector | undefined;
}

export type DocumentsRead =
  | { readonly kind: "refused"; readonly relay: Relay }
  | {
      readonly kind: "read";
      /** Rows found, by canonical id. */
      readonly rows: Map<string, OriginDocument>;
      /** The canonical form of an id that was asked for; undefined when the namespace cannot hold it. */
      readonly canonical: (id: string) => string | undefined;
    };

/** What is known of a namespace's types, and whether upstream has just said it. */
export interface KnownTypes {
  readonly types: NamespaceTypes;
  readonly isFresh: boolean;
}

export interface DocumentReads {
  /** The types under which to look for these ids. A remembered type under which one cannot exist is asked for afresh. */
  typesFor(context: RequestContext, namespace: string, ids: readonly string[]): Promise<KnownTypes>;
  /**
   * Reads rows by the string form of their ids, at most 1000 a request and 4 requests in flight.
   *
   * @param known what `typesFor` said
   * @param withVectors whether vectors are worth holding
   * @returns upstream's own answer when it refuses a request
   */
  read(
    context: RequestContext,
    namespace: string,
    ids: readonly string[],
    known: KnownTypes,
    withVectors: boolean,
  ): Promise<DocumentsRead>;
}

const idsPerRequest = 1000;
const requestsInFlight = 4;

export function createDocumentReads({
  upstream,
  idTypes,
}: {
  upstream: Pick<Upstream, "send">;
  idTypes: Pick<IdTypes, "lookUp" | "readAfresh">;
}): DocumentReads {
  async function typesFor(
    context: RequestContext,
    namespace: string,
    ids: readonly string[],
  ): Promise<KnownTypes> {
    const { types, remembered } = await idTypes.lookUp(context, namespace);
    if (!remembered || ids.every((id) => typedId(id, types.id) !== undefined))
      return { types, isFresh: !remembered };
    return { types: await idTypes.readAfresh(context, namespace), isFresh: true };
  }

  async function read(
    context: RequestContext,
    namespace: string,
    ids: readonly string[],
    { types, isFresh }: KnownTypes,
    withVectors: boolean,
  ): Promise<DocumentsRead> {
    const as = (type: IdType, known: NamespaceTypes) =>
      readAs(context, namespace, ids, { type, form: formOf(known, withVectors) });
    const first = await as(types.id, types);
    if (first.kind === "read" || first.relay.status !== 400) return first;
    const other = isFresh ? types : await idTypes.readAfresh(context, namespace);
    if (other.id !== types.id) return as(other.id, other);
    // Without a schema to tell the type, a refused string may have been meant as a number.
    if (types.id === "unknown" && ids.every(isUintText)) return as("uint", types);
    return first;
  }

  async function readAs(
    context: RequestContext,
    namespace: string,
    ids: readonly string[],
    { type, form }: { type: IdType; form: VectorWish },
  ): Promise<DocumentsRead> {
    const wanted = new Map<string, TypedId>();
    for (const id of ids) {
      const typed = typedId(id, type);
      if (typed !== undefined) wanted.set(typed.canonical, typed);
    }
    const rows = new Map<string, OriginDocument>();
    const chunks = chunked([...wanted.values()], idsPerRequest);
    // Each answer is taken apart as it comes: held together, ten of them with vectors would be a lot.
    const refusals = await mapConcurrently(chunks, requestsInFlight, async (chunk) => {
      const answer = await send(context, namespace, chunk, form);
      if (!isSuccess(answer)) return relayAnswer(answer);
      readRows(answer, form !== "none", rows);
      return undefined;
    });
    const relay = refusals.find((refusal) => refusal !== undefined);
    if (relay !== undefined) return { kind: "refused", relay };
    return { kind: "read", rows, canonical: (id) => typedId(id, type)?.canonical };
  }

  function send(
    context: RequestContext,
    namespace: string,
    ids: readonly TypedId[],
    form: VectorWish,
  ): Promise<UpstreamAnswer> {
    const literals = ids.map((id) => id.literal).join(",");
    const encoding = form === "base64" ? ',"vector_encoding":"base64"' : "";
    const body = `{"filters":["id","In",[${literals}]],"rank_by":["id","asc"],"top_k":${ids.length},"include_attributes":true${encoding},"consistency":{"level":"strong"}}`;
    return upstream.send({
      method: "POST",
      path: namespacePath("v2", namespace, "query"),
      headers: tracingHeaders(context),
      body: Buffer.from(body),
      effect: "read",
      answer: "decoded",
      signal: context.signal,
      notes: context.notes,
    });
  }

  return { typesFor, read };
}

/** `base64` is a fourth of the text, but would also change vectors that callers see. */
type VectorWish = "none" | "text" | "base64";

function formOf({ vector, hasOtherVectors }: NamespaceTypes, withVectors: boolean): VectorWish {
  if (!withVectors) return "none";
  return vector === undefined || hasOtherVectors ? "text" : "base64";
}

/** @throws AppError `upstream_error` when the answer holds no rows */
function readRows(answer: UpstreamAnswer, withVectors: boolean, into: Map<string, OriginDocument>): void {
  const writer = new DocumentWriter();
  readAnswer(answer, "query", ({ bytes, members }) => {
    const list = members.get("rows");
    const cursor = new JsonCursor(bytes, list?.start ?? bytes.length);
    cursor.array(() => {
      const row = membersAt(cursor).members;
      const id = row.get("id");
      if (id === undefined) return cursor.fail("row without id");
      let vector: StoredVector | undefined;
      for (const [name, { start, end }] of row) {
        if (name === "id" || name.startsWith("$") || bytes[start] === 0x6e) continue;
        const value = bytes.subarray(start, end);
        if (!isVectorAttribute(name)) writer.add(name, value);
        else if (withVectors && name === "vector") vector = kept(vectorFromJson(value));
      }
      into.set(idFromJson(memberText(bytes, id)), { attributes: writer.finish(), vector });
    });
  });
}

/** A copy: a view of the answer would keep all of it in memory. */
function kept(vector: StoredVector | undefined): StoredVector | undefined {
  return vector?.form === "json" ? { ...vector, bytes: Buffer.from(vector.bytes) } : vector;
}

function chunked<Item>(items: readonly Item[], size: number): Item[][] {
  const chunks: Item[][] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}
