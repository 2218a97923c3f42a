/** An upstream that answers what a test tells it to, and remembers what it was sent. */

import http from "node:http";
import type { AddressInfo } from "node:net";

export interface UpstreamCall {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ScriptedUpstream {
  readonly url: string;
  readonly calls: UpstreamCall[];
  /** Decides about every request from now on. The default is 200 with an empty object. */
  onRequest(handler: (call: UpstreamCall, response: http.ServerResponse) => void): void;
  stop(): Promise<void>;
}

export async function startScriptedUpstream(): Promise<ScriptedUpstream> {
  const calls: UpstreamCall[] = [];
  let handler = (_call: UpstreamCall, response: http.ServerResponse): void => {
    response.setHeader("content-type", "application/json");
    response.end("{}");
  };
  const server = http.createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const { method = "", url = "", headers } = request;
    const call = { method, url, headers, body: Buffer.concat(parts) };
    calls.push(call);
    handler(call, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    onRequest(next) {
      handler = next;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
