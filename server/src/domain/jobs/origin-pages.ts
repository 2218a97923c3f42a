/**
 * A namespace read from upstream page by page in the order of its ids, as background work needs it: every attribute,
 * strongly consistent, values as the bytes upstream sent.
 */

import { JsonCursor } from "../../lang/json-cursor.js";
import { membersAt, memberText } from "../../lang/json-members.js";
import type { Upstream, UpstreamAnswer } from "../../ports/upstream.js";
import type { StoredAttributes } from "../documents/document-reads.js";
import { idFromJson } from "../documents/ids.js";
import { readAnswer } from "../forwarding/answer.js";
import { namespacePath } from "../forwarding/forwarding.js";
import { isSuccess } from "../forwarding/relay.js";
import type { BackgroundReads } from "./background-reads.js";

export interface OriginRow {
  /** The string form of the id. */
  readonly id: string;
  /** Without id, vectors, nulls and what a query adds (`$dist`). */
  readonly attributes: StoredAttributes;
  /** JSON of the attribute `vector`. */
  readonly vector?: Buffer;
}

export interface OriginPage {
  readonly rows: readonly OriginRow[];
  /** JSON text of the last row's id; undefined when the page is the last one. */
  readonly next: string | undefined;
  /** What the page weighed on the wire. */
  readonly bytes: number;
}

/** Upstream answered, and not with rows. */
export class OriginRefused extends Error {
  override readonly name = "OriginRefused";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface OriginPages {
  /**
   * @param after JSON text of the id to go on after; undefined for the first page
   * @throws OriginRefused for a non-2xx; AppError of the upstream port
   */
  read(
    namespace: string,
    after: string | undefined,
    limit: number,
    signal?: AbortSignal,
  ): Promise<OriginPage>;
}

export function createOriginPages({
  upstream,
  reads,
}: {
  upstream: Pick<Upstream, "send">;
  reads: BackgroundReads;
}): OriginPages {
  return {
    async read(namespace, after, limit, signal) {
      const filters = after === undefined ? "" : `"filters":["id","Gt",${after}],`;
      const body = `{${filters}"rank_by":["id","asc"],"top_k":${limit},"include_attributes":true,"consistency":{"level":"strong"}}`;
      const send = () =>
        upstream.send({
          method: "POST",
          path: namespacePath("v2", namespace, "query"),
          headers: { "content-type": "application/json" },
          body: Buffer.from(body),
          effect: "read",
          answer: "decoded",
          signal,
        });
      const answer = await reads.run(namespace, send, signal);
      if (!isSuccess(answer))
        throw new OriginRefused(
          answer.status,
          `turbopuffer answered ${answer.status} to a page of ${namespace}`,
        );
      return readPage(answer, limit);
    },
  };
}

const vectorNames = new Set(["vector", "vectors"]);

function readPage(answer: UpstreamAnswer, limit: number): OriginPage {
  return readAnswer(answer, "query", ({ bytes, members }) => {
    const rows: OriginRow[] = [];
    let lastId: string | undefined;
    const cursor = new JsonCursor(bytes, members.get("rows")?.start ?? bytes.length);
    cursor.array(() => {
      const row = membersAt(cursor).members;
      const id = row.get("id");
      if (id === undefined) return cursor.fail("row without id");
      lastId = memberText(bytes, id);
      const attributes: [string, Buffer][] = [];
      let vector: Buffer | undefined;
      for (const [name, { start, end }] of row) {
        if (name === "id" || name.startsWith("$") || bytes[start] === 0x6e) continue;
        if (name === "vector") vector = bytes.subarray(start, end);
        if (!vectorNames.has(name)) attributes.push([name, bytes.subarray(start, end)]);
      }
      rows.push({ id: idFromJson(lastId), attributes, ...(vector === undefined ? {} : { vector }) });
    });
    return { rows, next: rows.length < limit ? undefined : lastId, bytes: bytes.length };
  });
}
