import http from "node:http";
import net from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { KEY, startTestApp, type TestApp, type TestAppOptions } from "../../test/recording-app.js";

const MIB = 1024 * 1024;
const PATH = "/v2/namespaces/p";
let app: TestApp;

const start = async (options?: TestAppOptions) => {
  app = await startTestApp(options);
};
afterEach(() => app.close());

function post(body: RequestInit["body"], headers: Record<string, string> = {}): Promise<Response> {
  return app.request(PATH, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: body ?? null,
    ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
  } as RequestInit);
}

function received(): string {
  return Buffer.from(app.calls[0]?.bytes ?? []).toString();
}

/** A body sent in chunks without a length. */
function chunked(...parts: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(typeof part === "string" ? Buffer.from(part) : part);
      controller.close();
    },
  });
}

describe("a request body", () => {
  it("reaches the handler byte for byte, with a length and without one", async () => {
    await start();
    await post('{"n":1e3, "ü":18446744073709551615}');
    expect(received()).toBe('{"n":1e3, "ü":18446744073709551615}');
    app.calls.length = 0;
    await post(chunked('{"a":', "1}"));
    expect(received()).toBe('{"a":1}');
  });

  it("may be empty where it is upstream's to judge", async () => {
    await start();
    const answer = await app.request("/v1/namespaces/p/_debug/recall", { method: "POST" });
    expect(answer.status).toBe(200);
    expect(app.calls[0]?.bytes).toHaveLength(0);
  });

  it.each(["gzip", "GZIP", "x-gzip"])("is unpacked when its encoding is %s", async (encoding) => {
    await start();
    const text = JSON.stringify({ rows: "x".repeat(100_000) });
    const answer = await post(gzipSync(text), { "content-encoding": encoding });
    expect(answer.status).toBe(200);
    expect(received()).toBe(text);
  });

  it.each([
    [{ "content-encoding": "br" }, "content encoding 'br' is not supported: send gzip or no encoding"],
    [
      { "content-encoding": "gzip, gzip" },
      "content encoding 'gzip, gzip' is not supported: send gzip or no encoding",
    ],
    [
      { "content-type": "text/csv" },
      "content type 'text/csv' is not supported: send application/json in UTF-8",
    ],
    [
      { "content-type": "application/json; charset=latin1" },
      "content type 'application/json; charset=latin1' is not supported: send application/json in UTF-8",
    ],
  ])("is refused with 415 when sent with %j", async (headers, message) => {
    await start();
    const answer = await post("{}", headers);
    expect(answer.status).toBe(415);
    expect(await answer.json()).toEqual({ error: "unsupported_media_type", message });
    expect(app.calls).toEqual([]);
  });

  it.each(["application/json", "application/json; charset=UTF-8", "application/vnd.layer+json"])(
    "is taken as %s",
    async (type) => {
      await start();
      expect((await post("{}", { "content-type": type })).status).toBe(200);
    },
  );

  it.each([
    ["plain", () => post(Buffer.alloc(MIB + 1, 32))],
    ["chunked", () => post(chunked(Buffer.alloc(MIB, 32), "x"))],
    ["packed", () => post(gzipSync(Buffer.alloc(MIB + 1, 32)), { "content-encoding": "gzip" })],
  ])("over the limit is refused with 413 when it is %s", async (_kind, send) => {
    await start({ bodyMaxBytes: MIB });
    const answer = await send();
    expect(answer.status).toBe(413);
    expect(await answer.json()).toEqual({
      error: "payload_too_large",
      message: `request body is larger than ${MIB} bytes`,
    });
    expect(app.calls).toEqual([]);
  });

  it("that will be parsed has a limit of its own, packed or not", async () => {
    await start({ parsedBodyMaxBytes: 1000 });
    const fetchMany = (body: Uint8Array | string, headers: Record<string, string> = {}) =>
      app.request(`${PATH}/documents`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: body as NonNullable<RequestInit["body"]>,
      });
    const many = `{"ids":[${"1,".repeat(600)}1]}`;
    const answers = [await fetchMany(many), await fetchMany(gzipSync(many), { "content-encoding": "gzip" })];
    for (const answer of answers) {
      expect(answer.status).toBe(413);
      expect(await answer.text()).toContain("larger than 1000 bytes");
    }
    expect((await post(" ".repeat(1200))).status).toBe(200);
    expect((await fetchMany('{"ids":[1]}')).status).toBe(200);
  });

  it("at the limit is taken", async () => {
    await start({ bodyMaxBytes: MIB });
    expect((await post(gzipSync(Buffer.alloc(MIB, 32)), { "content-encoding": "gzip" })).status).toBe(200);
  });

  it("that is not gzip although it says so is refused with 400", async () => {
    await start();
    const answer = await post("not packed", { "content-encoding": "gzip" });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      error: "invalid_json",
      message: "the request body is not valid gzip",
    });
  });

  it("that ends inside its gzip stream is refused with 400", async () => {
    await start();
    const answer = await post(gzipSync("{}").subarray(0, 12), { "content-encoding": "gzip" });
    expect(answer.status).toBe(400);
  });
});

describe("the budget of all bodies in flight", () => {
  it("answers 429 with Retry-After above it, and recovers when answers are out", async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    await start({
      budgetBytes: MIB,
      answer: async () => {
        await gate;
        return { status: 200, json: {} };
      },
    });
    const first = post(Buffer.alloc(MIB - 10, 32));
    await expect.poll(() => app.calls.length).toBe(1);
    const refused = await post(Buffer.alloc(100, 32));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    expect(await refused.json()).toEqual({
      error: "rate_limited",
      message: `request bodies in flight exceed ${MIB} bytes`,
    });
    release();
    expect((await first).status).toBe(200);
    expect((await post(Buffer.alloc(MIB, 32))).status).toBe(200);
  });

  it("counts the copies made of a body, and refuses one that does not fit beside the others", async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    await start({
      budgetBytes: MIB,
      answer: async ({ bytes, context }) => {
        context.reserve((bytes ?? []).length);
        await gate;
        return { status: 200, json: {} };
      },
    });
    const first = post(Buffer.alloc(MIB / 4, 32));
    await expect.poll(() => app.calls.length).toBe(1);
    const refused = await post(Buffer.alloc(MIB / 4 + 1, 32));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
    release();
    expect((await first).status).toBe(200);
  });

  it("lets a body through that is larger than all of it, when there is no other", async () => {
    await start({ budgetBytes: MIB / 2, answer: async () => ({ status: 200, json: {} }) });
    expect((await post(Buffer.alloc(MIB, 32))).status).toBe(200);
    expect((await post(gzipSync(Buffer.alloc(MIB, 32)), { "content-encoding": "gzip" })).status).toBe(200);
  });

  it("gets back what a caller who left in the middle had taken", async () => {
    await start({ budgetBytes: MIB });
    for (const encoding of ["", "content-encoding: gzip\r\n"]) {
      const socket = net.connect(Number(new URL(app.url).port), "127.0.0.1");
      socket.write(
        `POST ${PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\n${encoding}content-length: ${MIB}\r\n\r\n{`,
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.destroy();
      await expect.poll(async () => (await post(Buffer.alloc(MIB, 32))).status).toBe(200);
    }
  });
});

describe("a body that is refused unread", () => {
  it("does not cost the caller the answer, nor the connection", async () => {
    await start({ bodyMaxBytes: 1024 });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const send = (body: Buffer) =>
      new Promise<number>((resolve, reject) => {
        const request = http.request(app.url + PATH, {
          method: "POST",
          agent,
          headers: { authorization: `Bearer ${KEY}`, "content-length": body.length },
        });
        request.once("error", reject);
        request.once("response", (answer) =>
          answer.resume().once("end", () => resolve(answer.statusCode ?? 0)),
        );
        request.end(body);
      });
    expect(await send(Buffer.alloc(4 * MIB, 32))).toBe(413);
    expect(await send(Buffer.from("{}"))).toBe(200);
    agent.destroy();
  });
});

describe("a caller who leaves", () => {
  it("aborts the signal that the handler was given", async () => {
    const signals: { aborted: boolean }[] = [];
    await start({
      answer: (call) => {
        signals.push(call.context.signal);
        return new Promise(() => {});
      },
    });
    const controller = new AbortController();
    const request = app.request("/v2/namespaces/p/metadata", { signal: controller.signal });
    await expect.poll(() => app.calls.length).toBe(1);
    controller.abort();
    await expect(request).rejects.toThrow();
    await expect.poll(() => signals[0]?.aborted).toBe(true);
    await expect.poll(() => app.logLines[0]).toMatchObject({ aborted: true });
  });
});
