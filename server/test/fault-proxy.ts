/** An HTTP proxy that misbehaves on command: between a client and a real server, so that the faults are those of a network. */

import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Fault {
  /**
   * `cut-before`: the connection ends before the server sees the request. `cut-after`: the server has answered, the client
   * never hears. `cut-body`: half of the answer's body arrives. `slow-down`: 503 SlowDown. `hang`: nothing, ever.
   * `conflict`: 409 as S3 says it when two writers meet. `denied`: 403.
   */
  readonly kind: "cut-before" | "cut-after" | "cut-body" | "slow-down" | "hang" | "conflict" | "denied";
  readonly method: string;
  /** How many requests it strikes. */
  times: number;
}

export interface FaultProxy {
  readonly endpoint: string;
  /** Requests seen, by method. */
  readonly seen: Map<string, number>;
  inject(fault: Fault): void;
  close(): Promise<void>;
}

/** Faults that are answers of the store: status and code. */
const answers: Readonly<Record<string, readonly [number, string]>> = {
  "slow-down": [503, "SlowDown"],
  conflict: [409, "ConditionalRequestConflict"],
  denied: [403, "AccessDenied"],
};

/** @param port of the real server on this machine */
export async function startFaultProxy(port: number): Promise<FaultProxy> {
  const faults: Fault[] = [];
  const seen = new Map<string, number>();
  const server = http.createServer((request, response) => {
    const method = request.method ?? "";
    seen.set(method, (seen.get(method) ?? 0) + 1);
    const fault = faults.find((candidate) => candidate.method === method && candidate.times > 0);
    if (fault) fault.times -= 1;
    void exchange(port, request, response, fault?.kind).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    inject: (fault) => void faults.unshift(fault),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function exchange(
  port: number,
  request: IncomingMessage,
  response: ServerResponse,
  kind: Fault["kind"] | undefined,
): Promise<void> {
  const body = await bytesOf(request);
  if (kind === "hang") return;
  if (kind === "cut-before") return void request.socket.destroy();
  const answered = answers[kind ?? ""];
  if (answered !== undefined) {
    const [status, code] = answered;
    response.writeHead(status, { "content-type": "application/xml" });
    return void response.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>`,
    );
  }
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const { method, url: path, headers } = request;
    http.request({ host: "127.0.0.1", port, method, path, headers }, resolve).on("error", reject).end(body);
  });
  const content = await bytesOf(answer);
  if (kind === "cut-after") return void request.socket.destroy();
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  if (kind !== "cut-body") return void response.end(content);
  response.write(content.subarray(0, content.length / 2), () => request.socket.destroy());
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
