import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { httpAnswer, type RawUpstream, startRawUpstream } from "../../../test/raw-upstream.js";
import type { AppError } from "../../errors.js";
import type { Upstream, UpstreamRequest } from "../../ports/upstream.js";
import { createTurbopuffer, type TurbopufferOptions } from "./turbopuffer.js";

const opened: { close(): Promise<void> }[] = [];

afterEach(async () => {
  for (const open of opened.splice(0).reverse()) await open.close();
});

async function gateway(
  onRequest: (socket: Socket, request: string) => void,
  options: Partial<TurbopufferOptions> = {},
): Promise<{ server: RawUpstream; upstream: Upstream }> {
  const server = await startRawUpstream(onRequest);
  const upstream = createTurbopuffer({
    url: server.url,
    apiKey: "tpuf_secret",
    timeoutMs: 5_000,
    ...options,
  });
  opened.push(server, upstream);
  return { server, upstream };
}

const read: UpstreamRequest = { method: "GET", path: "/v1/namespaces", effect: "read" };
const write: UpstreamRequest = {
  method: "POST",
  path: "/v2/namespaces/n",
  body: Buffer.from('{"deletes":[1]}'),
  effect: "write",
};

async function failure(sending: Promise<unknown>): Promise<AppError> {
  return sending.then(
    () => {
      throw new Error("expected a failure");
    },
    (error: AppError) => error,
  );
}

describe("what is sent", () => {
  it("is the path, query, headers and bytes given, with the store's key", async () => {
    const { server, upstream } = await gateway((socket) => socket.write(httpAnswer(200, "{}")));
    const body = Buffer.from('{"n":18446744073709551615,"é":1.0}');
    await upstream.send({
      ...write,
      path: "/v2/namespaces/a%2Fb",
      query: "x=%2f&y",
      headers: { "x-request-id": "r1", authorization: "Bearer caller", "x-stainless-a": ["1", "2"] },
      body,
    });
    const [head, sent] = (server.received[0] ?? "").split("\r\n\r\n");
    expect(head).toMatch(/^POST \/v2\/namespaces\/a%2Fb\?x=%2f&y HTTP\/1\.1\r\n/);
    const lines = (head ?? "").split("\r\n").slice(1);
    expect(lines).toContain("authorization: Bearer tpuf_secret");
    expect(lines.filter((line) => line.startsWith("authorization"))).toHaveLength(1);
    expect(lines).toContain("x-request-id: r1");
    expect(lines).toContain("x-stainless-a: 1");
    expect(lines).toContain("x-stainless-a: 2");
    expect(lines).toContain("content-type: application/json");
    expect(lines).toContain("accept: application/json");
    expect(lines.some((line) => line.startsWith("accept-encoding"))).toBe(false);
    expect(Buffer.from(sent ?? "", "latin1")).toEqual(body);
  });

  it("goes below the path of the base URL", async () => {
    const server = await startRawUpstream((socket) => socket.write(httpAnswer(200, "{}")));
    const upstream = createTurbopuffer({ url: `${server.url}/region/`, apiKey: "k" });
    opened.push(server, upstream);
    await upstream.send({ ...read, headers: { "content-type": "application/json" } });
    expect(server.received[0]).toMatch(/^GET \/region\/v1\/namespaces HTTP/);
    expect(server.received[0]).not.toContain("content-type");
  });
});

describe("what comes back", () => {
  it("keeps status, bytes and the headers that may be relayed", async () => {
    const body = gzipSync('{"error":"slow down"}');
    const headers = {
      "content-encoding": "gzip",
      "retry-after": "7",
      "retry-after-ms": "7000",
      "x-should-retry": "false",
      "x-turbopuffer-sample": "0.5",
      "set-cookie": "a=b",
      server: "x",
      date: "now",
      "preference-applied": "respond-async",
    };
    const { server, upstream } = await gateway((socket) => socket.write(httpAnswer(429, body, headers)));
    const answer = await upstream.send({ ...read, headers: { "accept-encoding": "gzip, br" } });
    expect(answer.status).toBe(429);
    expect(answer.body).toEqual(body);
    expect(answer.headers).toEqual({
      "content-type": "application/json",
      "content-encoding": "gzip",
      "retry-after": "7",
      "retry-after-ms": "7000",
      "x-should-retry": "false",
      "x-turbopuffer-sample": "0.5",
    });
    expect(server.received[0]).toContain("accept-encoding: gzip, br\r\n");
  });

  it("is decoded for a caller that reads it", async () => {
    const { server, upstream } = await gateway((socket) =>
      socket.write(httpAnswer(200, gzipSync('{"a":1}'), { "content-encoding": "gzip" })),
    );
    const answer = await upstream.send({ ...read, answer: "decoded" });
    expect(Buffer.from(answer.body).toString()).toBe('{"a":1}');
    expect(answer.headers).toEqual({ "content-type": "application/json" });
    expect(server.received[0]).toContain("accept-encoding: gzip\r\n");
  });

  it("is raw and decoded at once for a caller that relays it and reads it too", async () => {
    const zipped = gzipSync('{"a":1}');
    let encoding = "gzip";
    const { server, upstream } = await gateway((socket) =>
      socket.write(httpAnswer(200, zipped, encoding === "" ? {} : { "content-encoding": encoding })),
    );
    const inspect = (accepted?: string) =>
      upstream.send({
        ...read,
        answer: "inspected",
        headers: accepted === undefined ? {} : { "accept-encoding": accepted },
      });
    const answer = await inspect("gzip, zstd;q=0.9, br, *");
    expect(answer.body).toEqual(zipped);
    expect(answer.headers["content-encoding"]).toBe("gzip");
    expect(Buffer.from(answer.plain ?? []).toString()).toBe('{"a":1}');
    encoding = "zstd";
    expect(await inspect("zstd")).toMatchObject({ status: 200, body: zipped, plain: undefined });
    encoding = "";
    expect(await inspect()).not.toHaveProperty("plain");
    const accepted = server.received.map((request) => /accept-encoding: (.*)\r/.exec(request)?.[1]);
    expect(accepted).toEqual(["gzip, br", "identity", undefined]);
  });

  it("is collected over many chunks and an informational answer", async () => {
    const { upstream } = await gateway((socket) => {
      socket.write("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n");
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
      setTimeout(() => socket.write("2\r\nde\r\n0\r\n\r\n"), 20);
    });
    const answer = await upstream.send(read);
    expect([answer.status, Buffer.from(answer.body).toString()]).toEqual([200, "abcde"]);
  });

  it("reuses connections", async () => {
    let connections = 0;
    const server = await startRawUpstream(
      (socket) => socket.write(httpAnswer(200, "{}")),
      () => connections++,
    );
    const upstream = createTurbopuffer({ url: server.url, apiKey: "k" });
    opened.push(server, upstream);
    for (let at = 0; at < 20; at++) await upstream.send(read);
    // A connection counts as free a moment after its answer, so a second one may be opened meanwhile.
    expect(connections).toBeLessThanOrEqual(2);
  });
});

describe("a transport failure", () => {
  it("before anything was sent leaves a write unapplied: 502", async () => {
    const server = await startRawUpstream(() => {});
    await server.close();
    const upstream = createTurbopuffer({ url: server.url, apiKey: "k" });
    opened.push(upstream);
    const error = await failure(upstream.send(write));
    expect(error).toMatchObject({
      code: "upstream_error",
      message: "turbopuffer could not be reached (connection refused): the write was not applied",
    });
    expect((await failure(upstream.send(read))).message).toBe(
      "turbopuffer could not be reached (connection refused)",
    );
  });

  it("names an unknown host without spelling it", async () => {
    const upstream = createTurbopuffer({ url: "http://no-such-host.invalid:1", apiKey: "k" });
    opened.push(upstream);
    const error = await failure(upstream.send(write));
    expect(error.code).toBe("upstream_error");
    expect(error.message).not.toContain("invalid");
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ["a reset", (socket) => socket.resetAndDestroy(), "connection reset"],
    ["a close", (socket) => socket.end(), "connection closed early"],
    ["half a head", (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-le"), "connection closed early"],
    [
      "half a body",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"),
      "connection closed early",
    ],
    [
      "a head without end",
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nx-turbopuffer-a: ${"a".repeat(40_000)}\r\n\r\n`),
      "answer has too large headers",
    ],
    ["no HTTP", (socket) => socket.end("SSH-2.0-OpenSSH\r\n\r\n"), "answer is not valid http"],
  ])("after sending, by %s: 504 for a write, 502 for a read", async (_, fail, words) => {
    const { server, upstream } = await gateway((socket) => fail(socket));
    expect(await failure(upstream.send(write))).toMatchObject({
      code: "gateway_timeout",
      message: `turbopuffer did not answer (${words}): the outcome of the write is unknown`,
    });
    expect(await failure(upstream.send(read))).toMatchObject({
      code: "upstream_error",
      message: `turbopuffer gave no usable answer (${words})`,
    });
    expect(server.received).toHaveLength(2);
  });

  it("by silence ends at the deadline, the request's own or the adapter's", async () => {
    const { upstream } = await gateway(() => {}, { timeoutMs: 150 });
    expect(await failure(upstream.send(write))).toMatchObject({
      code: "gateway_timeout",
      message:
        "turbopuffer did not answer (no complete answer within 150 ms): the outcome of the write is unknown",
    });
    expect(await failure(upstream.send({ ...read, timeoutMs: 60 }))).toMatchObject({
      code: "upstream_error",
      message: "turbopuffer gave no usable answer (no complete answer within 60 ms)",
    });
  });

  it("by silence longer than the caller waits says so", async () => {
    const { upstream } = await gateway(() => {});
    expect(await failure(upstream.send({ ...read, signal: AbortSignal.timeout(50) }))).toMatchObject({
      code: "upstream_error",
      message: "turbopuffer gave no usable answer (timed out)",
    });
  });

  it("by an answer that never ends is bounded too", async () => {
    const { upstream } = await gateway((socket) => {
      socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      const drip = setInterval(() => socket.write("1\r\na\r\n"), 10);
      socket.on("close", () => clearInterval(drip));
    });
    expect((await failure(upstream.send({ ...read, timeoutMs: 100 }))).code).toBe("upstream_error");
  });

  it("by size, declared or not", async () => {
    const { upstream } = await gateway(
      (socket, request) =>
        socket.write(
          request.startsWith("GET")
            ? httpAnswer(200, "x".repeat(200))
            : `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc8\r\n${"x".repeat(200)}\r\n0\r\n\r\n`,
        ),
      { answerBytesMax: 100 },
    );
    expect((await failure(upstream.send(read))).message).toContain("answer is larger than 100 bytes");
    expect(await failure(upstream.send(write))).toMatchObject({ code: "gateway_timeout" });
  });

  it("by an encoding that does not decode or is not known", async () => {
    let encoding = "gzip";
    const { upstream } = await gateway((socket) =>
      socket.write(httpAnswer(200, "not gzip", { "content-encoding": encoding })),
    );
    const decoded = { ...read, answer: "decoded" as const };
    expect((await failure(upstream.send(decoded))).message).toContain("answer does not decode as gzip");
    encoding = "zstd";
    expect((await failure(upstream.send(decoded))).message).toContain("content encoding 'zstd'");
    encoding = "gzip";
    expect((await upstream.send(read)).status).toBe(200);
  });

  it("keeps bytes of a garbled answer out of the log", async () => {
    const { upstream } = await gateway((socket) => socket.end('HTTP/9.9 {"id":"row of a user"}\r\n\r\n'));
    const { cause } = await failure(upstream.send(read));
    expect(JSON.stringify(Object.entries(cause as object))).not.toContain("row of a user");
  });

  it("never names the store's address or key, and keeps the cause", async () => {
    const { server, upstream } = await gateway((socket) => socket.destroy());
    for (const request of [read, write]) {
      const error = await failure(upstream.send(request));
      expect(error.message).not.toContain("127.0.0.1");
      expect(error.message).not.toContain("tpuf_secret");
      expect(error.message).not.toContain(new URL(server.url).port);
      expect(error.cause).toBeInstanceOf(Error);
    }
  });
});

describe("giving up", () => {
  it("ends a request that is under way", async () => {
    const controller = new AbortController();
    const { upstream } = await gateway(() => controller.abort());
    expect(await failure(upstream.send({ ...read, signal: controller.signal }))).toMatchObject({
      code: "upstream_error",
      message: "turbopuffer gave no usable answer (request cancelled)",
    });
  });

  it("before sending sends nothing", async () => {
    const { server, upstream } = await gateway((socket) => socket.write(httpAnswer(200, "{}")));
    const error = await failure(upstream.send({ ...write, signal: AbortSignal.abort() }));
    expect(error.message).toBe(
      "turbopuffer could not be reached (request cancelled): the write was not applied",
    );
    await upstream.send(read);
    expect(server.received).toHaveLength(1);
  });

  it("while waiting for a connection never sends, so a write was surely not applied", async () => {
    const held: Socket[] = [];
    const { server, upstream } = await gateway((socket) => held.push(socket), { connections: 1 });
    const first = upstream.send(read);
    const waiting = await failure(upstream.send({ ...write, timeoutMs: 80 }));
    expect(waiting).toMatchObject({
      code: "upstream_error",
      message:
        "turbopuffer could not be reached (no complete answer within 80 ms): the write was not applied",
    });
    held[0]?.write(httpAnswer(200, "{}"));
    await first;
    const next = upstream.send(read);
    await expect.poll(() => held.length).toBe(2);
    held[1]?.write(httpAnswer(200, "{}"));
    await next;
    expect(server.received.every((request) => request.startsWith("GET"))).toBe(true);
  });

  it("refuses to let an endless line wait for connections", async () => {
    const { upstream } = await gateway(() => {}, { connections: 1, waitingMax: 2, timeoutMs: 300 });
    const sent = failure(upstream.send(read));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const lined = [failure(upstream.send(read)), failure(upstream.send(read))];
    expect(await failure(upstream.send(read))).toMatchObject({
      code: "rate_limited",
      details: { retryAfterSeconds: 1 },
    });
    await Promise.all([sent, ...lined]);
    // The line is empty again, so the next request may join it.
    expect((await failure(upstream.send(read))).code).toBe("upstream_error");
  });

  it("fails what is in flight when it is closed, and everything after", async () => {
    const { server, upstream } = await gateway(() => {});
    const sending = failure(upstream.send(read));
    await expect.poll(() => server.received.length).toBe(1);
    await upstream.close();
    await upstream.close();
    expect((await sending).message).toContain("gateway is closing");
    expect(await failure(upstream.send(write))).toMatchObject({
      code: "upstream_error",
      message: "turbopuffer could not be reached (gateway is closing): the write was not applied",
    });
  });
});

describe("ping", () => {
  it("resolves on a small authorised read", async () => {
    const { server, upstream } = await gateway((socket) =>
      socket.write(httpAnswer(200, '{"namespaces":[]}')),
    );
    await upstream.ping();
    expect(server.received[0]).toMatch(/^GET \/v1\/namespaces\?page_size=1 HTTP/);
    expect(server.received[0]).toContain("authorization: Bearer tpuf_secret\r\n");
  });

  it("rejects when the store refuses", async () => {
    const { upstream } = await gateway((socket) => socket.write(httpAnswer(401, "{}")));
    expect(await failure(upstream.ping())).toMatchObject({
      code: "upstream_error",
      message: "turbopuffer answered 401 to a listing",
    });
  });
});
