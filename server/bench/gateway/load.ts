/**
 * A load generator that costs next to nothing: the request is ready as bytes, and of an answer only its status and its length
 * are read. On a machine with two cores the client would otherwise be most of what is measured.
 */

import net from "node:net";

export interface LoadRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly key: string;
  readonly body?: Uint8Array;
}

export interface Load {
  /** Sends `count` requests, as many at once as there are connections. @throws Error for an answer other than 200 */
  run(count: number): Promise<void>;
  /** The same for a time. @returns how many were answered */
  runFor(milliseconds: number): Promise<number>;
  close(): void;
}

/** Opens `inFlight` connections to `url` that stay open. */
export async function openLoad(url: string, request: LoadRequest, inFlight: number): Promise<Load> {
  const { hostname, port } = new URL(url);
  const bytes = requestBytes(request, `${hostname}:${port}`);
  const connections = await Promise.all(
    Array.from({ length: inFlight }, () => openConnection(hostname, Number(port), bytes)),
  );
  return {
    async run(count) {
      let left = count;
      const one = async (exchange: () => Promise<void>) => {
        while (left-- > 0) await exchange();
      };
      await Promise.all(connections.map(({ exchange }) => one(exchange)));
    },
    async runFor(milliseconds) {
      const until = performance.now() + milliseconds;
      let answered = 0;
      const one = async (exchange: () => Promise<void>) => {
        for (; performance.now() < until; answered++) await exchange();
      };
      await Promise.all(connections.map(({ exchange }) => one(exchange)));
      return answered;
    },
    close() {
      for (const { socket } of connections) socket.destroy();
    },
  };
}

function requestBytes({ method, path, key, body }: LoadRequest, host: string): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    `host: ${host}`,
    `authorization: Bearer ${key}`,
    ...(body === undefined ? [] : ["content-type: application/json", `content-length: ${body.length}`]),
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body ?? Buffer.alloc(0)]);
}

interface Connection {
  readonly socket: net.Socket;
  exchange(): Promise<void>;
}

async function openConnection(host: string, port: number, bytes: Buffer): Promise<Connection> {
  const socket = net.connect({ host, port, noDelay: true });
  let done = () => {};
  let failed = (_: Error) => {};
  let expected = -1;
  let received = 0;
  socket.on("data", (chunk) => {
    if (expected < 0) {
      const end = chunk.indexOf("\r\n\r\n");
      const head = chunk.toString("latin1", 0, end);
      if (end < 0 || !head.startsWith("HTTP/1.1 200")) {
        failed(new Error(`answered with ${head.slice(0, 200)}`));
        return;
      }
      expected = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1]);
      received = 0;
    }
    received += chunk.length;
    if (received < expected) return;
    expected = -1;
    done();
  });
  socket.on("error", (error) => failed(error));
  socket.on("close", () => failed(new Error("the connection was closed")));
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve).once("error", reject);
  });
  return {
    socket,
    exchange: () =>
      new Promise((resolve, reject) => {
        done = resolve;
        failed = reject;
        socket.write(bytes);
      }),
  };
}
