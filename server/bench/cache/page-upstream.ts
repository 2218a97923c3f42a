/**
 * A Turbopuffer whose namespaces hold rows that are made when they are asked for: as many as the name says, `rows-500000-1`. So a
 * benchmark can have half a million of them, and nothing upstream is slow.
 */
import { createServer, type ServerResponse } from "node:http";
import { rowOf } from "./documents.js";

const DIMENSIONS = 16;
const vector = Array.from({ length: DIMENSIONS }, (_, n) => Math.fround(Math.sin(n)));
/** A row's text apart from its number, which stands in three places of it. */
const template = JSON.stringify(rowOf(0, vector, 0));
const schema = {
  id: { type: "uint" },
  vector: { type: `[${DIMENSIONS}]f32`, ann: true },
  title: { type: "string" },
  body: { type: "string" },
  price: { type: "int" },
  tags: { type: "[]string" },
};

function answer(response: ServerResponse, body: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(200, { "content-type": "application/json", "content-length": bytes.length });
  response.end(bytes);
}

const rowText = (id: number): string =>
  template.replace('"id":0', `"id":${id}`).replace("shoe 0", `shoe ${id}`);

interface Query {
  readonly filters?: readonly [string, "Gt" | "In", number | readonly number[]];
  readonly top_k?: number;
  readonly limit?: number;
}

function idsOf(query: Query, rows: number): number[] {
  const [, operator, operand] = query.filters ?? [];
  if (operator === "In")
    return (operand as readonly number[]).filter((id) => id < rows).sort((a, b) => a - b);
  const from = operator === "Gt" ? (operand as number) + 1 : 0;
  const count = Math.max(0, Math.min(query.top_k ?? query.limit ?? 10, rows - from));
  return Array.from({ length: count }, (_, n) => from + n);
}

const server = createServer({ keepAliveTimeout: 65_000 }, async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = request.url ?? "";
  const rows = Number(/rows-(\d+)-/.exec(url)?.[1] ?? 0);
  if (url.endsWith("/query")) {
    const query = JSON.parse(Buffer.concat(chunks).toString()) as Query;
    answer(response, `{"rows":[${idsOf(query, rows).map(rowText).join(",")}],"billing":{},"performance":{}}`);
  } else if (url.endsWith("/schema")) answer(response, JSON.stringify(schema));
  else
    answer(
      response,
      JSON.stringify({
        schema,
        approx_row_count: rows,
        last_write_at: "2026-01-01T00:00:00Z",
        index: { status: "up-to-date" },
      }),
    );
});
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
process.on("disconnect", () => process.exit(0));
