/** An upstream with real rows in memory, true by construction, that a test holds back or lets fail at any point. */

import { AppError } from "../src/errors.js";
import type { Upstream, UpstreamAnswer, UpstreamRequest } from "../src/ports/upstream.js";

export type Row = Readonly<Record<string, unknown>>;

/**
 * What becomes of a write: `refused` 400; `unreached` 502, surely not applied; `unanswered` applied, and the answer is lost;
 * `lost` neither. `broken`: 500, not applied.
 */
export type WriteFate = "applied" | "refused" | "unreached" | "unanswered" | "lost" | "broken";

interface WriteBody {
  readonly upsert_rows?: readonly Row[];
  readonly patch_rows?: readonly Row[];
  readonly upsert_columns?: Columns;
  readonly patch_columns?: Columns;
  readonly deletes?: readonly (string | number)[];
  /** Only `["field","Eq",value]`. */
  readonly delete_by_filter?: Filter;
  readonly patch_by_filter?: { readonly filters: Filter; readonly patch: Row };
  readonly upsert_condition?: Filter;
  readonly patch_condition?: Filter;
  readonly delete_condition?: Filter;
  readonly return_affected_ids?: boolean;
  readonly copy_from_namespace?: string;
}

type Columns = Readonly<Record<string, readonly unknown[]>>;
type Filter = readonly [field: string, operator: string, value: unknown];

export class RowUpstream implements Upstream {
  readonly namespaces = new Map<string, Map<string, Row>>();
  readonly requests: UpstreamRequest[] = [];
  /** Answer of the schema; undefined gives one that fits the rows. */
  schema: Record<string, unknown> | undefined;
  lastWriteAt = 0;
  /** Whether upstream tells affected ids when it is asked to. */
  tellsIds = true;
  fate: (request: UpstreamRequest) => WriteFate = () => "applied";
  /** Awaited before a request takes effect, and before its answer goes back. */
  arrives: (request: UpstreamRequest) => Promise<void> | void = () => undefined;
  returns: (request: UpstreamRequest) => Promise<void> | void = () => undefined;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  rows(namespace: string): Map<string, Row> {
    const rows = this.namespaces.get(namespace) ?? new Map<string, Row>();
    this.namespaces.set(namespace, rows);
    return rows;
  }

  /** A write that does not come through the gateway. */
  writeAround(namespace: string, body: WriteBody): void {
    this.lastWriteAt = this.#now();
    this.#write(namespace, body);
  }

  queries(): UpstreamRequest[] {
    return this.requests.filter(({ path }) => path.endsWith("/query"));
  }

  async send(request: UpstreamRequest): Promise<UpstreamAnswer> {
    this.requests.push(request);
    await this.arrives(request);
    const answer = this.#serve(request);
    await this.returns(request);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  async ping(): Promise<void> {}
  async close(): Promise<void> {}

  #serve(request: UpstreamRequest): UpstreamAnswer | Error {
    const [, , , name = "", rest] = request.path.split("/");
    const body = request.body === undefined ? {} : JSON.parse(Buffer.from(request.body).toString());
    if (request.effect === "write") return this.#change(request, name, body);
    const rows = this.namespaces.get(name);
    if (rows === undefined) return json({ error: `namespace ${name} was not found` }, 404);
    if (rest === "schema") return json(this.schema ?? schemaOf(rows));
    if (rest === "metadata")
      return json({
        last_write_at: new Date(this.lastWriteAt).toISOString(),
        index: { status: "up-to-date" },
        schema: schemaOf(rows),
      });
    return this.#query(rows, body);
  }

  #change(request: UpstreamRequest, name: string, body: WriteBody): UpstreamAnswer | Error {
    const fate = this.fate(request);
    if (fate === "refused") return json({ error: "refused" }, 400);
    if (fate === "broken") return json({ error: "broken" }, 500);
    if (fate === "unreached") return new AppError("upstream_error", "turbopuffer could not be reached");
    if (fate === "lost") return new AppError("gateway_timeout", "the outcome is unknown");
    this.lastWriteAt = this.#now();
    if (request.method === "DELETE") {
      this.namespaces.delete(name);
      return json({ status: "OK" });
    }
    const answer = this.#write(name, body);
    return fate === "unanswered" ? new AppError("gateway_timeout", "the outcome is unknown") : json(answer);
  }

  #write(name: string, body: WriteBody): Record<string, unknown> {
    const rows = this.rows(name);
    const upserted: unknown[] = [];
    const patched: unknown[] = [];
    const deleted: unknown[] = [];
    const source = body.copy_from_namespace;
    if (source !== undefined) for (const [key, row] of this.rows(source)) rows.set(key, row);
    const { delete_by_filter: doomed, patch_by_filter: chosen } = body;
    for (const [key, row] of [...rows]) {
      if (doomed !== undefined && matches(row, doomed)) {
        rows.delete(key);
        deleted.push(row.id);
      } else if (chosen !== undefined && matches(row, chosen.filters)) {
        rows.set(key, merged(row, chosen.patch));
        patched.push(row.id);
      }
    }
    for (const row of [...(body.upsert_rows ?? []), ...rowsOf(body.upsert_columns)]) {
      const before = rows.get(String(row.id));
      if (before !== undefined && !matches(before, body.upsert_condition)) continue;
      rows.set(String(row.id), merged({}, row));
      upserted.push(row.id);
    }
    for (const patch of [...(body.patch_rows ?? []), ...rowsOf(body.patch_columns)]) {
      const before = rows.get(String(patch.id));
      if (before === undefined || !matches(before, body.patch_condition)) continue;
      rows.set(String(patch.id), merged(before, patch));
      patched.push(patch.id);
    }
    for (const id of body.deletes ?? []) {
      const before = rows.get(String(id));
      if (before === undefined || !matches(before, body.delete_condition)) continue;
      rows.delete(String(id));
      deleted.push(id);
    }
    const counts = {
      rows_affected: upserted.length + patched.length + deleted.length,
      rows_upserted: upserted.length,
      rows_patched: patched.length,
      rows_deleted: deleted.length,
    };
    const tells = body.return_affected_ids === true && this.tellsIds;
    const ids = {
      ...(upserted.length > 0 ? { upserted_ids: upserted } : {}),
      ...(patched.length > 0 ? { patched_ids: patched } : {}),
      ...(deleted.length > 0 ? { deleted_ids: deleted } : {}),
    };
    return { status: "OK", message: "done", ...counts, ...(tells ? ids : {}), billing: {} };
  }

  #query(rows: Map<string, Row>, body: { filters?: [string, string, (string | number)[]] }): UpstreamAnswer {
    const ids = body.filters?.[2] ?? [];
    const found = ids.flatMap((id) => rows.get(String(id)) ?? []);
    return json({ rows: found, billing: {}, performance: {} });
  }
}

function rowsOf(columns: Columns = {}): Row[] {
  return (columns.id ?? []).map((_, row) =>
    Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[row]])),
  );
}

function matches(row: Row, filter: Filter | undefined): boolean {
  return filter === undefined || row[filter[0]] === filter[2];
}

function merged(row: Row, change: Row): Row {
  return Object.fromEntries(Object.entries({ ...row, ...change }).filter(([, value]) => value !== null));
}

function schemaOf(rows: Map<string, Row>): Record<string, unknown> {
  const schema: Record<string, unknown> = { id: { type: "string" } };
  for (const row of rows.values())
    for (const [name, value] of Object.entries(row)) {
      if (name === "id") schema.id = { type: typeof value === "number" ? "uint" : "string" };
      else if (name === "vector") schema.vector = { type: `[${(value as number[]).length}]f32`, ann: true };
      else schema[name] = { type: typeof value === "number" ? "int" : typeof value };
    }
  return schema;
}

function json(body: unknown, status = 200): UpstreamAnswer {
  return { status, headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(body)) };
}
