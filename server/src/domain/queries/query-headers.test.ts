import { describe, expect, it } from "vitest";
import { queryGateway } from "../../../test/query-gateway.js";
import { contextWith } from "../../../test/upstream-double.js";

const body = '{"rank_by":["a","asc"],"limit":1}';
const valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

describe("the trace of a query", () => {
  it("goes on upstream and back to the caller when it is valid", async () => {
    const { upstream, query } = queryGateway();
    const relay = await query(body, contextWith({ headers: { traceparent: valid } }));
    expect(relay.headers.traceparent).toBe(valid);
    expect(upstream.requests[0]?.headers).toMatchObject({ traceparent: valid });
  });

  it.each([
    undefined,
    "",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    `${valid}-extra`,
    ` ${valid}`,
    [valid, valid],
  ])("begins at the gateway when the caller sends %j", async (traceparent) => {
    const { upstream, query } = queryGateway();
    const relay = await query(body, contextWith({ headers: { traceparent } }));
    expect(relay.headers.traceparent).toBe(`00-${"ab".repeat(16)}-${"ab".repeat(8)}-01`);
    expect(upstream.requests[0]?.headers).not.toHaveProperty("traceparent");
  });

  it("is told with a refusal of upstream too, and with a batch", async () => {
    const { query } = queryGateway({ script: () => ({ status: 404, headers: {}, body: Buffer.of() }) });
    expect((await query('{"queries":[{}]}')).headers.traceparent).toMatch(/^00-/);
  });
});

describe("the tags of a search", () => {
  it.each([
    { "x-hevlayer-tags": " team:search , , a_B-1./=+ ,team:search" },
    { "x-hevlayer-tag": "one", "x-hevlayer-tags": "two" },
    { "x-hevlayer-tags": Array.from({ length: 32 }, (_, n) => `t${n}`).join(",") },
    { "x-hevlayer-tags": `${"same,".repeat(100)}${"x".repeat(128)}` },
    { "x-hevlayer-tags": ["a", "b,c"] },
    { "x-hevlayer-tags": "" },
    { "x-hevlayer-search-query": "  trail shoe, größe 42 " },
  ])("%j are taken, and stay here", async (headers) => {
    const { upstream, query } = queryGateway();
    await query(body, contextWith({ headers }));
    expect(Object.keys(upstream.requests[0]?.headers ?? {})).toEqual(["x-request-id"]);
  });

  it.each([
    [
      { "x-hevlayer-tags": "a b" },
      "x-hevlayer-tags: a tag is made of ASCII letters, digits and : _ - . / = +, got 'a b'",
    ],
    [{ "x-hevlayer-tags": "größe" }, "x-hevlayer-tags: a tag is made of"],
    [{ "x-hevlayer-tag": `ok,${"x".repeat(129)}` }, "x-hevlayer-tag: a tag has at most 128 bytes, got 129"],
    [
      { "x-hevlayer-tags": Array.from({ length: 33 }, (_, n) => `t${n}`).join(",") },
      "x-hevlayer-tags: at most 32 different tags may be given",
    ],
    [
      {
        "x-hevlayer-tags": Array.from({ length: 32 }, (_, n) => `t${n}`).join(","),
        "x-hevlayer-tag": "more",
      },
      "x-hevlayer-tag: at most 32 different tags may be given",
    ],
  ])("%j are refused", async (headers, message) => {
    const { upstream, query } = queryGateway();
    await expect(query(body, contextWith({ headers }))).rejects.toMatchObject({
      code: "validation_error",
      message: expect.stringContaining(message),
    });
    expect(upstream.requests).toEqual([]);
  });
});
