/**
 * A Turbopuffer that answers every route with the same bytes, read and written on the bare socket, so that a benchmark sees the
 * gateway's cost alone.
 */

import net from "node:net";

const rows = Array.from({ length: 10 }, (_, id) => ({
  $dist: id / 10,
  id: `sku-${id}`,
  title: `Trail shoe ${id}`,
}));
const billing = { billable_logical_bytes_queried: 256000000, billable_logical_bytes_returned: 240 };
const performance = {
  server_total_ms: 3,
  query_execution_ms: 3,
  cache_hit_ratio: 1,
  cache_temperature: "hot",
  exhaustive_search_count: 10,
  approx_namespace_size: 10,
};
const metadata = {
  schema: { id: { type: "string" }, title: { type: "string" }, _hevlayer_upserted_at: { type: "int" } },
  approx_row_count: 12500,
  approx_logical_bytes: 48800000,
  created_at: "2026-03-15T10:30:45Z",
  updated_at: "2026-05-12T18:49:00Z",
  last_write_at: "2026-05-12T18:49:00Z",
  index: { status: "up-to-date" },
};
const written = {
  status: "OK",
  message: "1 rows upserted",
  rows_affected: 1,
  rows_upserted: 1,
  billing: { billable_logical_bytes_written: 512 },
  performance: { server_total_ms: 7 },
};

const answerTo = (value: unknown): Buffer => {
  const body = JSON.stringify(value);
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
};
const query = answerTo({ rows, billing, performance });
const write = answerTo(written);
const describe = answerTo(metadata);
const list = answerTo({ namespaces: Array.from({ length: 20 }, (_, index) => ({ id: `bench-${index}` })) });

function answerFor(head: string): Buffer {
  if (head.startsWith("POST") && /^POST \S+\/(query|fetch)[ ?]/.test(head)) return query;
  if (head.startsWith("POST")) return write;
  return /^GET \S+\/metadata/.test(head) ? describe : list;
}

const server = net.createServer({ noDelay: true }, (socket) => {
  /** Bytes of the present body that are still to come; the answer waits for them. */
  let owed = 0;
  let answer = query;
  let head = "";
  socket.on("data", (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (owed > 0) {
        const taken = Math.min(owed, chunk.length - at);
        owed -= taken;
        at += taken;
      } else {
        const end = chunk.indexOf("\r\n\r\n", at);
        head += chunk.toString("latin1", at, end < 0 ? chunk.length : end);
        if (end < 0) return;
        at = end + 4;
        answer = answerFor(head);
        owed = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        head = "";
      }
      if (owed === 0) socket.write(answer);
    }
  });
  socket.on("error", () => socket.destroy());
});
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
process.on("disconnect", () => process.exit(0));
