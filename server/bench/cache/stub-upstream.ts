/** A Turbopuffer that takes every write, so that a benchmark sees the gateway's cost alone. */
import { createServer, type ServerResponse } from "node:http";

const schema = {
  id: { type: "string" },
  vector: { type: "[768]f32", ann: true },
  title: { type: "string" },
  body: { type: "string" },
  price: { type: "int" },
  tags: { type: "[]string" },
  _hevlayer_upserted_at: { type: "int" },
};
const written = Buffer.from(
  '{"status":"OK","message":"1000 rows upserted","rows_affected":1000,"billing":{}}',
);
const described = Buffer.from(JSON.stringify(schema));
const metadata = Buffer.from(JSON.stringify({ schema, index: { status: "up-to-date" } }));

function answer(response: ServerResponse, body: Buffer): void {
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}

const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  request.resume();
  request.on("end", () => {
    if (request.method === "POST") answer(response, written);
    else answer(response, request.url?.endsWith("/schema") ? described : metadata);
  });
});
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
process.on("disconnect", () => process.exit(0));
