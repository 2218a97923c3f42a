import { describe, expect, it } from "vitest";
import { APIConnectionError, APITimeoutError, apiError, retryAfterMs } from "./errors.js";
import { isTimeout, isUnsent, retryDelay } from "./retry.js";

const answered = (status: number, headers: Record<string, string> = {}, body: unknown = {}) =>
  apiError({ status, headers: new Headers(headers), text: JSON.stringify(body) }, { operationId: "op" });
const refused = new APIConnectionError("x", {
  cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }),
});
const reset = new APIConnectionError("x", { cause: Object.assign(new Error("x"), { code: "ECONNRESET" }) });

describe("retryDelay", () => {
  it.each([408, 429, 500, 502, 503, 504])("repeats a read after %i", (status) => {
    expect(retryDelay(answered(status), "read", 0, 0)).toBe(125);
  });

  it.each([400, 401, 403, 404, 409, 412, 413, 422, 501])("never repeats after %i", (status) => {
    expect(retryDelay(answered(status), "read", 0, 0)).toBeUndefined();
  });

  it("repeats a once call only when it surely was not processed", () => {
    expect(retryDelay(refused, "once", 0, 0)).toBe(125);
    expect(retryDelay(answered(429), "once", 0, 0)).toBe(125);
    expect(retryDelay(answered(503, { "retry-after": "0" }), "once", 0, 0)).toBe(0);
    for (const error of [
      reset,
      new APITimeoutError("x"),
      answered(503),
      answered(503, { "retry-after": "soon" }),
      answered(500),
      answered(502),
      answered(504),
    ]) {
      expect(retryDelay(error, "once", 0, 0)).toBeUndefined();
    }
  });

  it("repeats reads and idempotent calls after a lost connection or a timeout", () => {
    for (const error of [refused, reset, new APITimeoutError("x")]) {
      expect(retryDelay(error, "read", 0, 0)).toBe(125);
      expect(retryDelay(error, "idempotent", 0, 0)).toBe(125);
    }
  });

  it("never repeats a code that the catalogue marks as final", () => {
    const body = { error: "cache_cold", message: "cold" };
    expect(retryDelay(answered(503, { "x-should-retry": "true" }, body), "read", 0, 0)).toBeUndefined();
  });

  it("obeys x-should-retry over the status", () => {
    expect(retryDelay(answered(503, { "x-should-retry": "false" }), "read", 0, 0)).toBeUndefined();
    expect(retryDelay(answered(418, { "x-should-retry": "true" }), "read", 0, 0)).toBe(125);
    expect(retryDelay(answered(418, { "x-should-retry": " TRUE " }), "read", 0, 0)).toBe(125);
  });

  it("doubles from 250 ms to 8 s and spreads over the upper half", () => {
    const delays = [0, 1, 2, 3, 4, 5, 20].map((retry) => retryDelay(refused, "read", retry, 1));
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000]);
    expect(retryDelay(refused, "read", 20, 0)).toBe(4000);
  });

  it("waits what the server asks for, up to a minute", () => {
    expect(retryDelay(answered(503, { "retry-after": "1.5" }), "read", 0, 0)).toBe(1500);
    expect(retryDelay(answered(503, { "retry-after": "60" }), "read", 0, 0)).toBe(60_000);
    expect(retryDelay(answered(503, { "retry-after": "61" }), "read", 0, 0)).toBeUndefined();
    expect(retryDelay(answered(429, { "retry-after-ms": "20", "retry-after": "9" }), "read", 0, 0)).toBe(20);
  });
});

describe("retryAfterMs", () => {
  it("reads HTTP dates and ignores nonsense", () => {
    const now = Date.parse("2026-05-26T10:00:00Z");
    expect(retryAfterMs(new Headers({ "retry-after": "Tue, 26 May 2026 10:00:05 GMT" }), now)).toBe(5000);
    expect(retryAfterMs(new Headers({ "retry-after": "Tue, 26 May 2026 09:00:00 GMT" }), now)).toBe(0);
    for (const text of [
      "soon",
      "-1",
      "",
      " ",
      "0x10",
      "1, 2",
      "1e999",
      "Infinity",
      "12 monkeys",
      "2026-05-26",
    ])
      expect(retryAfterMs(new Headers({ "retry-after": text }), now), text).toBeUndefined();
  });

  it("reads the older forms of a date as GMT", () => {
    const now = Date.parse("1994-11-06T08:49:30Z");
    for (const text of ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
      expect(retryAfterMs(new Headers({ "retry-after": text }), now), text).toBe(7000);
  });

  it("goes on to Retry-After when retry-after-ms is no number", () => {
    for (const bad of ["-5", "soon", ""])
      expect(retryAfterMs(new Headers({ "retry-after-ms": bad, "retry-after": "2" }))).toBe(2000);
  });
});

describe("isTimeout", () => {
  const failed = (code: string) => Object.assign(new Error(code), { code });

  it.each(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "ETIMEDOUT"])("knows %s", (code) => {
    expect(isTimeout(new TypeError("fetch failed", { cause: failed(code) }))).toBe(true);
  });

  it("needs every address of a name to have timed out", () => {
    expect(isTimeout(new AggregateError([failed("ETIMEDOUT"), failed("ETIMEDOUT")]))).toBe(true);
    expect(isTimeout(new AggregateError([failed("ETIMEDOUT"), failed("ECONNREFUSED")]))).toBe(false);
    expect(isTimeout(failed("ECONNRESET"))).toBe(false);
  });
});

describe("isUnsent", () => {
  it("needs every address of a name to have failed before sending", () => {
    const code = (value: string) => Object.assign(new Error(value), { code: value });
    expect(
      isUnsent(new Error("x", { cause: new AggregateError([code("ECONNREFUSED"), code("ENETUNREACH")]) })),
    ).toBe(true);
    expect(
      isUnsent(new Error("x", { cause: new AggregateError([code("ECONNREFUSED"), code("ECONNRESET")]) })),
    ).toBe(false);
    const whole = new AggregateError([code("ECONNREFUSED"), code("ECONNRESET")]);
    expect(isUnsent(Object.assign(whole, { code: "ECONNREFUSED" }))).toBe(false);
    expect(isUnsent(code("CERT_HAS_EXPIRED"))).toBe(true);
    expect(isUnsent(code("ERR_SSL_WRONG_VERSION_NUMBER"))).toBe(true);
    expect(isUnsent(code("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"))).toBe(false);
    expect(isUnsent(code("UND_ERR_SOCKET"))).toBe(false);
  });

  it("knows a refused connection of Deno by its text", () => {
    const text = (step: string) => `error sending request for url (http://x/): client error (${step}): tcp`;
    expect(isUnsent(new TypeError("fetch failed", { cause: new TypeError(text("Connect")) }))).toBe(true);
    expect(isUnsent(new TypeError(text("SendRequest")))).toBe(false);
  });

  it("believes the system call before the code", () => {
    const failed = (syscall: string, code: string) => Object.assign(new Error(code), { syscall, code });
    expect(isUnsent(failed("connect", "ETIMEDOUT"))).toBe(true);
    expect(isUnsent(failed("getaddrinfo", "ENOTFOUND"))).toBe(true);
    expect(isUnsent(failed("read", "EHOSTUNREACH"))).toBe(false);
    expect(isUnsent(failed("write", "ENETUNREACH"))).toBe(false);
  });
});
