import { describe, expect, it } from "vitest";
import { contextWith } from "../../../test/upstream-double.js";
import { forwardedHeaders, namespacePath, tracingHeaders } from "./forwarding.js";

const headers = {
  authorization: "Bearer caller",
  host: "gateway",
  prefer: "respond-async",
  connection: "keep-alive",
  "content-length": "12",
  "content-encoding": "gzip",
  cookie: "a=b",
  "x-hevlayer-tags": "a",
  "x-forwarded-for": "1.2.3.4",
  "content-type": "application/json",
  accept: "application/json",
  "accept-encoding": "gzip",
  "x-request-id": "tpreq_1",
  "x-turbopuffer-client-telemetry": "{}",
  "x-stainless-retry-count": "1",
  "x-stainless-custom": ["a", "b"],
};

describe("forwardedHeaders", () => {
  it("lets through what upstream acts on and nothing else", () => {
    expect(forwardedHeaders(contextWith({ headers, requestId: "tpreq_1" }))).toEqual({
      "content-type": "application/json",
      accept: "application/json",
      "accept-encoding": "gzip",
      "x-request-id": "tpreq_1",
      "x-turbopuffer-client-telemetry": "{}",
      "x-stainless-retry-count": "1",
      "x-stainless-custom": ["a", "b"],
    });
  });

  it("passes on the gateway's request id when the caller gave none", () => {
    expect(forwardedHeaders(contextWith({ requestId: "req-7" }))).toEqual({ "x-request-id": "req-7" });
  });

  it("passes on the gateway's request id in place of one it has refused", () => {
    const malformed = { "x-request-id": "a b; drop" };
    expect(forwardedHeaders(contextWith({ headers: malformed, requestId: "req-7" }))).toEqual({
      "x-request-id": "req-7",
    });
  });
});

describe("tracingHeaders", () => {
  it("leaves the caller's content negotiation out of requests of our own", () => {
    expect(tracingHeaders(contextWith({ headers, requestId: "tpreq_1" }))).toEqual({
      "x-request-id": "tpreq_1",
      "x-turbopuffer-client-telemetry": "{}",
      "x-stainless-retry-count": "1",
      "x-stainless-custom": ["a", "b"],
    });
  });
});

describe("namespacePath", () => {
  it("encodes the name, so that it stays one segment", () => {
    expect(namespacePath("v2", "a.b-c_D9", "query")).toBe("/v2/namespaces/a.b-c_D9/query");
    expect(namespacePath("v1", "../x?y#z", "_debug/recall")).toBe(
      "/v1/namespaces/..%2Fx%3Fy%23z/_debug/recall",
    );
  });
});
