/** A TCP server that plays the upstream byte by byte, for failures that an HTTP library would not produce. */

import net from "node:net";

export interface RawUpstream {
  url: string;
  /** Requests as they arrived, head and body. */
  readonly received: string[];
  close(): Promise<void>;
}

/** Calls `onRequest` once a whole request has arrived on a connection; `onConnect` as soon as one is made. */
export async function startRawUpstream(
  onRequest: (socket: net.Socket, request: string) => void,
  onConnect?: (socket: net.Socket) => void,
): Promise<RawUpstream> {
  const received: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    onConnect?.(socket);
    let pending = "";
    socket.on("data", (chunk) => {
      pending += chunk.toString("latin1");
      const request = wholeRequest(pending);
      if (request === undefined) return;
      pending = pending.slice(request.length);
      received.push(request);
      onRequest(socket, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    received,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function wholeRequest(text: string): string | undefined {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return undefined;
  const length = Number(/^content-length: (\d+)/im.exec(text.slice(0, head))?.[1] ?? 0);
  const end = head + 4 + length;
  return text.length >= end ? text.slice(0, end) : undefined;
}

/** An HTTP/1.1 answer with a body and any further headers. */
export function httpAnswer(
  status: number,
  body: Buffer | string,
  headers: Record<string, string> = {},
): Buffer {
  const bytes = Buffer.from(body);
  const all = { "content-type": "application/json", "content-length": String(bytes.length), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} Status\r\n${lines.join("")}\r\n`), bytes]);
}
