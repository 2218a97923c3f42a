/** The least that a server can do for a fetch: the same bytes to every request. */
import { createServer } from "node:http";

const answer = Buffer.from(process.env.BENCH_ANSWER ?? "");

const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  request.resume();
  request.on("end", () => {
    response.writeHead(200, {
      "content-type": "application/json; charset=utf-8",
      "x-layer-cache": "hit",
      "x-request-id": "0123456789abcdef0123456789abcdef",
      "content-length": answer.length,
    });
    response.end(answer);
  });
});
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
process.on("disconnect", () => process.exit(0));
