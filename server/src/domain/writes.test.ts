import { describe, expect, it } from "vitest";
import {
  answerJson,
  answerText,
  contextWith,
  manualClock,
  scriptedUpstream,
} from "../../test/upstream-double.js";
import { AppError } from "../errors.js";
import { createStamps } from "./stamps.js";
import { createWrites } from "./writes.js";

function gateway(answer = answerJson({ status: "OK" })) {
  const upstream = scriptedUpstream(() => answer);
  const clock = manualClock();
  const written: string[] = [];
  const writes = createWrites(
    { upstream, stamps: createStamps(clock), onWritten: (namespace) => written.push(namespace) },
    { copyTimeoutMs: 900_000, bodyBytesMax: 1024 ** 2 },
  );
  const write = (body: string, context = contextWith()) =>
    writes.writeNamespace(context, "products", Buffer.from(body));
  return { upstream, clock, written, write };
}

describe("writeNamespace", () => {
  it("stamps, forwards to the write route as a write, and relays the answer's bytes", async () => {
    const text = '{ "status":"OK", "rows_affected": 1e0 }';
    const { upstream, write, written } = gateway(answerText(text));
    const relay = await write(
      '{"upsert_rows":[{"id":1}]}',
      contextWith({ rawQuery: "stainless_overload=x&y" }),
    );
    expect(Buffer.from(relay.body).toString()).toBe(text);
    expect(upstream.requests[0]).toMatchObject({
      method: "POST",
      path: "/v2/namespaces/products",
      query: "stainless_overload=x&y",
      effect: "write",
      timeoutMs: undefined,
    });
    expect(upstream.sentText()).toBe('{"upsert_rows":[{"id":1,"_hevlayer_upserted_at":1700000000000}]}');
    expect(written).toEqual(["products"]);
  });

  it("gives every row of a request one stamp, and never a lower one than before", async () => {
    const { upstream, clock, write } = gateway();
    await write('{"upsert_rows":[{"id":1},{"id":2}],"patch_columns":{"id":[3]}}');
    clock.advance(-5_000);
    await write('{"upsert_rows":[{"id":1}]}');
    clock.advance(5_007);
    await write('{"upsert_rows":[{"id":1}]}');
    const stamps = upstream.requests.map((_, at) => upstream.sentText(at).match(/17\d{11}/g));
    expect(stamps).toEqual([
      ["1700000000000", "1700000000000", "1700000000000"],
      ["1700000000000"],
      ["1700000000007"],
    ]);
  });

  it("does not end a write when its caller leaves", async () => {
    const { upstream, write } = gateway();
    await write('{"deletes":[1]}', contextWith({ signal: AbortSignal.abort() }));
    expect(upstream.requests[0]?.signal).toBeUndefined();
  });

  it("gives copies and branches their own deadline", async () => {
    const { upstream, write } = gateway();
    await write('{"copy_from_namespace":"source"}');
    expect(upstream.requests[0]?.timeoutMs).toBe(900_000);
    expect(upstream.sentText()).toBe('{"copy_from_namespace":"source"}');
  });

  it("relays a refusal of upstream and does not count it as written", async () => {
    const { write, written } = gateway({
      status: 429,
      headers: { "retry-after": "2", "content-type": "application/json" },
      body: Buffer.from('{"status":"error","error":"slow down"}'),
    });
    const relay = await write('{"deletes":[1]}');
    expect(relay).toMatchObject({ status: 429, headers: { "retry-after": "2" } });
    expect(written).toEqual([]);
  });

  it("sends nothing when it refuses", async () => {
    const { upstream, write } = gateway();
    await expect(write('{"upsert_rows":[{"id":1,"_hevlayer_shard":3}]}')).rejects.toMatchObject({
      status: 422,
    });
    await expect(write('{"upsert_rows":')).rejects.toMatchObject({
      code: "invalid_json",
      message: "request body is not valid JSON: unexpected end at byte 15",
    });
    await expect(write("")).rejects.toBeInstanceOf(AppError);
    expect(upstream.requests).toEqual([]);
  });
});
