import net from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { startTestApp, type TestApp, type TestAppOptions } from "../../test/recording-app.js";

let app: TestApp;
afterEach(() => app.close());

/** Sends bytes and gives everything that comes back until the connection ends. */
async function exchange(bytes: string, options: TestAppOptions = {}): Promise<string> {
  app = await startTestApp(options);
  return send(bytes);
}

function send(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(new URL(app.url).port), "127.0.0.1", () => socket.write(bytes));
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    socket.once("close", () => resolve(text)).once("error", reject);
  });
}

function parsed(answer: string) {
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  const [status = "", ...lines] = head.split("\r\n");
  const headers = Object.fromEntries(lines.map((line) => line.toLowerCase().split(": ") as [string, string]));
  return { status, headers, body: JSON.parse(body) as unknown };
}

const host = "Host: gateway\r\n";

describe("bytes that are no request", () => {
  it.each([
    ["no HTTP at all", "hello\r\n\r\n", 400, "bad_request"],
    ["an unknown method", `SHOUT / HTTP/1.1\r\n${host}\r\n`, 400, "bad_request"],
    [
      "two lengths",
      `POST / HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      400,
      "bad_request",
    ],
    ["no host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400, "bad_request"],
    [
      "headers that are too large",
      `GET / HTTP/1.1\r\n${host}X: ${"x".repeat(20_000)}\r\n\r\n`,
      431,
      "headers_too_large",
    ],
    ["an expectation", `GET / HTTP/1.1\r\n${host}Expect: miracles\r\n\r\n`, 417, "expectation_failed"],
  ])("are answered with a JSON error and an id: %s", async (_what, bytes, status, code) => {
    const answer = parsed(await exchange(bytes));
    expect(answer.status).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      connection: "close",
      "x-request-id": "id-1",
    });
    expect(answer.body).toEqual({ error: code, message: expect.stringMatching(/^[a-z]/) });
    expect(app.logLines).toMatchObject([{ status, code }]);
    expect(app.calls).toEqual([]);
  });

  it("are answered when they do not arrive in time", async () => {
    const answer = parsed(await exchange("GET /health HTTP/1.1\r\n", { headersTimeoutMs: 100 }));
    expect(answer.status).toBe("HTTP/1.1 408 Request Timeout");
    expect(answer.body).toMatchObject({ error: "request_timeout" });
  });

  it("are answered when only the body does not arrive in time", async () => {
    const answer = parsed(
      await exchange(
        `POST /v2/namespaces/a HTTP/1.1\r\n${host}Authorization: Bearer test-key\r\nContent-Length: 9\r\n\r\n{`,
        { headersTimeoutMs: 100, requestTimeoutMs: 200 },
      ),
    );
    expect(answer.body).toMatchObject({ error: "request_timeout" });
  });

  it("end a connection without a word between the bytes of another answer", async () => {
    const waiting = { answer: () => new Promise<never>(() => {}) };
    app = await startTestApp(waiting);
    const text = await send(
      `GET /health HTTP/1.1\r\n${host}\r\nGET /health HTTP/1.1\r\n${host}\r\nrubbish\r\n\r\n`,
    );
    expect(text).toBe("");
  });

  it("are answered after another answer is out", async () => {
    app = await startTestApp();
    const socket = net.connect(Number(new URL(app.url).port), "127.0.0.1");
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write(`GET /health HTTP/1.1\r\n${host}\r\n`);
    await expect.poll(() => text).toContain('{"ok":true}');
    socket.write("rubbish\r\n\r\n");
    await closed;
    expect(text).toMatch(/\{"ok":true\}HTTP\/1\.1 400 Bad Request\r\n/);
  });
});

it("lets a request continue that asks whether it may", async () => {
  const answer = await exchange(
    `POST /v2/namespaces/a HTTP/1.1\r\n${host}Authorization: Bearer test-key\r\nExpect: 100-continue\r\n` +
      "Connection: close\r\nContent-Length: 2\r\n\r\n{}",
  );
  expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
});
