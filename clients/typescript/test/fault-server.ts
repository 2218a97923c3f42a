/**
 * A scripted HTTP server: each request takes the next answer of the script, the last one for ever, and is recorded as it
 * came over the wire.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  /** Objects are sent as JSON, strings and buffers as they are. */
  body?: unknown;
  /** `stall`: headers and half of the body, then nothing. `cut`: the same, then the connection ends. `reset`: no answer. */
  fault?: "stall" | "cut" | "reset" | "silent";
}

export interface Recorded {
  method: string;
  /** Path and query exactly as sent. */
  target: string;
  headers: IncomingHttpHeaders;
  /** Decompressed. */
  body: string;
}

export interface FaultServer {
  url: string;
  requests: Recorded[];
  /** Answers whose connection is still held. */
  unfinished(): number;
  close(): Promise<void>;
}

export async function startFaultServer(...script: Answer[]): Promise<FaultServer> {
  const requests: Recorded[] = [];
  let unfinished = 0;
  const server = createServer((request, response) => {
    unfinished++;
    response.on("close", () => unfinished--);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const answer = script[Math.min(requests.length, script.length - 1)] ?? {};
      requests.push({
        method: request.method ?? "",
        target: request.url ?? "",
        headers: request.headers,
        body: decoded(Buffer.concat(chunks), request.headers["content-encoding"]),
      });
      send(response, answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    unfinished: () => unfinished,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function decoded(bytes: Buffer, encoding: string | undefined): string {
  return (encoding === "gzip" ? gunzipSync(bytes) : bytes).toString("utf8");
}

function send(response: ServerResponse, { status = 200, headers = {}, body = {}, fault }: Answer): void {
  if (fault === "reset") return void response.socket?.resetAndDestroy();
  if (fault === "silent") return;
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": String(bytes.length),
    ...headers,
  });
  if (fault === undefined) return void response.end(bytes);
  response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => {
    if (fault === "cut") response.socket?.destroy();
  });
}

/** A port on which nothing listens. */
export async function closedUrl(): Promise<string> {
  const server = await startFaultServer({});
  await server.close();
  return server.url;
}
