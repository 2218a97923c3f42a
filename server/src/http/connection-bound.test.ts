import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { boundConnections, connectionsWithin, readFilesMax } from "./connection-bound.js";

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serving(connectionsMax: number) {
  const warnings: object[] = [];
  const server = http.createServer((_request, response) => response.end("served"));
  servers.push(server);
  boundConnections(server, connectionsMax, { warn: (fields: object) => void warnings.push(fields) });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  return { warnings, port };
}

/** A connection, and the first line of the answer to a request on it; "" when it was closed instead. */
async function connect(port: number): Promise<{ socket: net.Socket; said: string }> {
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  const said = await new Promise<string>((resolve) => {
    socket.once("data", (bytes) => resolve(bytes.toString().split("\r\n", 1)[0] ?? ""));
    socket.once("close", () => resolve(""));
  });
  return { socket, said };
}

describe("the bound of connections", () => {
  it("closes one too many, serves those that are open, and warns once", async () => {
    const { port, warnings } = await serving(2);
    const kept = [await connect(port), await connect(port)];
    expect(kept.map(({ said }) => said)).toEqual(["HTTP/1.1 200 OK", "HTTP/1.1 200 OK"]);
    for (let n = 0; n < 3; n++) expect((await connect(port)).said).toBe("");
    expect(warnings).toEqual([{ connections: 2 }]);
  });

  it("takes others when some have left, and warns anew", async () => {
    const { port, warnings } = await serving(1);
    const first = await connect(port);
    expect((await connect(port)).said).toBe("");
    first.socket.destroy();
    await expect.poll(async () => (await connect(port)).said).toBe("HTTP/1.1 200 OK");
    expect((await connect(port)).said).toBe("");
    expect(warnings.length).toBeGreaterThanOrEqual(2);
  });

  it("leaves room for everything else that needs a file", () => {
    expect([65_536, 1_024, 512, 160].map(connectionsWithin)).toEqual([65_280, 768, 256, 80]);
    expect(connectionsWithin(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
  });

  it("knows the limit where the system tells it", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "hevlayer-limits-"));
    const file = path.join(folder, "limits");
    writeFileSync(
      file,
      "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n",
    );
    expect(readFilesMax(file)).toBe(1_024);
    writeFileSync(file, "Max open files            unlimited            unlimited            files\n");
    expect(readFilesMax(file)).toBeUndefined();
    await rm(folder, { recursive: true });
    expect(readFilesMax(file)).toBeUndefined();
  });
});
