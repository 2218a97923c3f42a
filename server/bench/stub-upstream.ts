/** A Turbopuffer that answers every query with the same bytes, so that a benchmark sees the gateway's cost alone. */
import { createServer } from "node:http";

const rows = Array.from({ length: 10 }, (_, id) => ({
  $dist: id / 10,
  id: `sku-${id}`,
  title: `Trail shoe ${id}`,
}));
const answer = Buffer.from(
  JSON.stringify({
    rows,
    billing: { billable_logical_bytes_queried: 256000000, billable_logical_bytes_returned: 240 },
    performance: {
      server_total_ms: 3,
      query_execution_ms: 3,
      cache_hit_ratio: 1,
      cache_temperature: "hot",
      exhaustive_search_count: 10,
      approx_namespace_size: 10,
    },
  }),
);

const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  request.resume();
  request.on("end", () => {
    response.writeHead(200, { "content-type": "application/json", "content-length": answer.length });
    response.end(answer);
  });
});
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
process.on("disconnect", () => process.exit(0));
