/**
 * Rows by id from upstream, as fetch needs them: strongly consistent, ids typed as the namespace has them, values as
 * the bytes upstream sent.
 */

import { JsonCursor } from "../lang/json-cursor.js";
import { membersAt, memberText } from "../lang/json-members.js";
import type { Upstream, UpstreamAnswer } from "../ports/upstream.js";
import { readAnswer } from "./answer.js";
import { mapConcurrently } from "./concurrently.js";
import type { RequestContext } from "./context.js";
import { namespacePath, tracingHeaders } from "./forwarding.js";
import type { IdTypes } from "./id-types.js";
import { type IdType, idFromJson, isUintText, type TypedId, typedId } from "./ids.js";
import { isSuccess, type Relay, relayAnswer } from "./relay.js";

/** An attribute's name and its value as JSON bytes; nulls are left out, as upstream leaves them out. */
export type StoredAttributes = readonly (readonly [name: string, json: Buffer])[];

export type DocumentsRead =
  | { kind: "refused"; relay: Relay }
  | {
      kind: "read";
      /** Rows found, by canonical id. */
      rows: Map<string, StoredAttributes>;
      /** The canonical form of an id that was asked for; undefined when the namespace cannot hold it. */
      canonical: (id: string) => string | undefined;
    };

export interface DocumentReads {
  /**
   * Reads rows by the string form of their ids, at most 1000 a request and 4 requests in flight.
   *
   * @param keep attributes worth holding; the others are dropped while reading
   * @returns upstream's own answer when it refuses a request
   */
  read(
    context: RequestContext,
    namespace: string,
    ids: readonly string[],
    keep: (attribute: string) => boolean,
  ): Promise<DocumentsRead>;
}

const idsPerRequest = 1000;
const requestsInFlight = 4;

export function createDocumentReads({
  upstream,
  idTypes,
}: {
  upstream: Upstream;
  idTypes: IdTypes;
}): DocumentReads {
  async function read(
    context: RequestContext,
    namespace: string,
    ids: readonly string[],
    keep: (attribute: string) => boolean,
  ): Promise<DocumentsRead> {
    const { type, remembered } = await idTypes.lookUp(context, namespace);
    let current = type;
    let afresh = !remembered;
    // A remembered type under which an id cannot exist may be out of date: only a fresh one may call it missing.
    if (!afresh && ids.some((id) => typedId(id, type) === undefined)) {
      current = await idTypes.readAfresh(context, namespace);
      afresh = true;
    }
    const first = await readAs(context, namespace, ids, current, keep);
    if (first.kind === "read" || first.relay.status !== 400) return first;
    const other = afresh ? current : await idTypes.readAfresh(context, namespace);
    if (other !== current) return readAs(context, namespace, ids, other, keep);
    // Without a schema to tell the type, a refused string may have been meant as a number.
    if (current === "unknown" && ids.every(isUintText)) return readAs(context, namespace, ids, "uint", keep);
    return first;
  }

  async function readAs(
    context: RequestContext,
    namespace: string,
    ids: readonly string[],
    type: IdType,
    keep: (attribute: string) => boolean,
  ): Promise<DocumentsRead> {
    const wanted = new Map<string, TypedId>();
    for (const id of ids) {
      const typed = typedId(id, type);
      if (typed !== undefined) wanted.set(typed.canonical, typed);
    }
    const chunks = chunked([...wanted.values()], idsPerRequest);
    const answers = await mapConcurrently(chunks, requestsInFlight, (chunk) =>
      send(context, namespace, chunk),
    );
    const rows = new Map<string, StoredAttributes>();
    for (const answer of answers) {
      if (!isSuccess(answer)) return { kind: "refused", relay: relayAnswer(answer) };
      readRows(answer, keep, rows);
    }
    return { kind: "read", rows, canonical: (id) => typedId(id, type)?.canonical };
  }

  function send(
    context: RequestContext,
    namespace: string,
    ids: readonly TypedId[],
  ): Promise<UpstreamAnswer> {
    const literals = ids.map((id) => id.literal).join(",");
    const body = `{"filters":["id","In",[${literals}]],"rank_by":["id","asc"],"top_k":${ids.length},"include_attributes":true,"consistency":{"level":"strong"}}`;
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

  return { read };
}

/** @throws AppError `upstream_error` when the answer holds no rows */
function readRows(
  answer: UpstreamAnswer,
  keep: (attribute: string) => boolean,
  into: Map<string, StoredAttributes>,
): void {
  readAnswer(answer, "query", ({ bytes, members }) => {
    const list = members.get("rows");
    const cursor = new JsonCursor(bytes, list?.start ?? bytes.length);
    cursor.array(() => {
      const row = membersAt(cursor).members;
      const id = row.get("id");
      if (id === undefined) return cursor.fail("row without id");
      const attributes: [string, Buffer][] = [];
      for (const [name, { start, end }] of row) {
        if (name === "id" || name.startsWith("$") || !keep(name) || bytes[start] === 0x6e) continue;
        attributes.push([name, bytes.subarray(start, end)]);
      }
      into.set(idFromJson(memberText(bytes, id)), attributes);
    });
  });
}

function chunked<Item>(items: readonly Item[], size: number): Item[][] {
  const chunks: Item[][] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}
