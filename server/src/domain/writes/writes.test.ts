import { describe, expect, it } from "vitest";
import {
  answerJson,
  answerText,
  contextWith,
  manualClock,
  scriptedUpstream,
} from "../../../test/upstream-double.js";
import { AppError } from "../../errors.js";
import type { UpstreamAnswer } from "../../ports/upstream.js";
import { createSoleReplica } from "../consistency/replica.js";
import { createWriteHolds } from "../consistency/write-holds.js";
import { createWrites } from "./writes.js";

const START = 1_700_000_000_000;

function gateway(
  answer: UpstreamAnswer | Error = answerJson({ status: "OK" }),
  replica = createSoleReplica(),
) {
  const during: { oldest?: number | undefined } = {};
  const upstream = scriptedUpstream(() => {
    during.oldest = holds.oldest("products");
    return answer;
  });
  const clock = manualClock();
  const holds = createWriteHolds(clock, { marginMs: 500, unknownMs: 60_000 });
  const listed: string[] = [];
  const watched: [string, number][] = [];
  const writes = createWrites(
    {
      upstream,
      holds,
      replica,
      watcher: { noteWritten: (...noted) => void watched.push(noted) },
      onWritten: (namespace) => listed.push(namespace),
    },
    { copyTimeoutMs: 900_000, bodyBytesMax: 1024 ** 2 },
  );
  const write = (body: string, context = contextWith()) =>
    writes.writeNamespace(context, "products", Buffer.from(body));
  return { upstream, clock, holds, during, listed, watched, write };
}

describe("writeNamespace", () => {
  it("stamps, forwards to the write route as a write, and relays the answer's bytes", async () => {
    const text = '{ "status":"OK", "rows_affected": 1e0 }';
    const { upstream, write, listed, watched } = gateway(answerText(text));
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
    expect([listed, watched]).toEqual([["products"], [["products", START]]]);
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
    const { write, listed, watched } = gateway({
      status: 429,
      headers: { "retry-after": "2", "content-type": "application/json" },
      body: Buffer.from('{"status":"error","error":"slow down"}'),
    });
    const relay = await write('{"deletes":[1]}');
    expect(relay).toMatchObject({ status: 429, headers: { "retry-after": "2" } });
    expect([listed, watched]).toEqual([[], []]);
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

  it.each([
    [200, START, 500],
    [404, undefined, 0],
    [429, undefined, 0],
    [500, START, 60_000],
    [503, START, 60_000],
  ])(
    "holds the watermark while it is sent, and after a %i until it cannot land",
    async (status, after, ms) => {
      const { clock, holds, during, write } = gateway(answerJson({}, status));
      await write('{"upsert_rows":[{"id":1}]}');
      expect(during.oldest).toBe(START);
      expect(holds.oldest("products")).toBe(after);
      clock.advance(ms);
      expect(holds.oldest("products")).toBeUndefined();
    },
  );

  it.each([
    ["gateway_timeout", START],
    ["upstream_error", undefined],
    ["rate_limited", undefined],
  ] as const)("takes a failure with %s for what the port says it is", async (code, after) => {
    const { holds, watched, write } = gateway(new AppError(code, "no answer"));
    await expect(write('{"deletes":[1]}')).rejects.toMatchObject({ code });
    expect([holds.oldest("products"), watched]).toEqual([after, []]);
  });

  it("takes an error of our own for one after which anything may have happened", async () => {
    const { holds, write } = gateway(new TypeError("a defect"));
    await expect(write('{"deletes":[1]}')).rejects.toThrow("a defect");
    expect(holds.oldest("products")).toBe(START);
  });

  it("lets no copy hold the watermark, and watches its destination", async () => {
    const { during, watched, write } = gateway();
    await write('{"branch_from_namespace":{"source_namespace":"source"}}');
    expect([during.oldest, watched]).toEqual([undefined, [["products", START]]]);
  });

  it("gives what is stamped the deadline that other replicas count on, even beside a copy", async () => {
    const { upstream, during, write } = gateway();
    await write('{"copy_from_namespace":"source","upsert_rows":[{"id":1}]}');
    expect([upstream.requests[0]?.timeoutMs, during.oldest]).toEqual([undefined, START]);
  });

  it("sends nothing and takes no stamp while its replica may not stamp", async () => {
    const refused = new AppError("service_unavailable", "cannot be seen");
    const { upstream, holds, write } = gateway(undefined, {
      ...createSoleReplica(),
      mayStamp: () => false,
      readyToStamp: () => Promise.reject(refused),
    });
    await expect(write('{"deletes":[1]}')).rejects.toBe(refused);
    expect([upstream.requests, holds.begun()]).toEqual([[], 0]);
  });

  it("says what is wrong with a body before its replica is asked", async () => {
    const { write } = gateway(undefined, {
      ...createSoleReplica(),
      mayStamp: () => false,
      readyToStamp: () => Promise.reject(new AppError("service_unavailable", "cannot be seen")),
    });
    await expect(write("{}")).rejects.toMatchObject({ code: "validation_error" });
  });
});
