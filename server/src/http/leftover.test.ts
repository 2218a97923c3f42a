import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { dropLeftover, type LeftoverLimits } from "./leftover.js";

let server: http.Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Sends a request head and some of its body to a server that refuses at once; gives the answer and the time to the close. */
async function refuse(limits: LeftoverLimits, send: (socket: net.Socket) => void) {
  server = http.createServer((request, response) => {
    dropLeftover(request, response, limits);
    response.writeHead(413).end("refused");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const socket = net.connect((server.address() as AddressInfo).port, "127.0.0.1");
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.on("error", () => {});
  const closed = new Promise<number>((resolve) => {
    const before = performance.now();
    socket.once("close", () => resolve(performance.now() - before));
  });
  socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n");
  send(socket);
  return { answer: () => text, closedAfterMs: closed };
}

describe("the rest of a refused body", () => {
  it("is waited for only so long", async () => {
    const { answer, closedAfterMs } = await refuse({ bytesMax: 1e9, timeMaxMs: 100 }, (socket) =>
      socket.write("x"),
    );
    expect(await closedAfterMs).toBeGreaterThan(90);
    expect(answer()).toContain("413");
  });

  it("is read only so far", async () => {
    const { answer, closedAfterMs } = await refuse({ bytesMax: 100_000, timeMaxMs: 60_000 }, (socket) => {
      const more = () => {
        if (!socket.destroyed) socket.write(Buffer.alloc(64_000), () => setTimeout(more, 5));
      };
      more();
    });
    expect(await closedAfterMs).toBeLessThan(10_000);
    expect(answer()).toContain("413");
  });
});
