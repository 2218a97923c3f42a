import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { AppError } from "../../errors.js";
import type { Upstream, UpstreamAnswer, UpstreamRequest } from "../../ports/upstream.js";
import { RequestNotes } from "../../request-notes.js";
import { createPrometheusMetrics } from "../metrics/prometheus.js";
import { observeUpstream } from "./observed.js";

const query: UpstreamRequest = { method: "POST", path: "/v2/namespaces/a/query", effect: "read" };
const write: UpstreamRequest = { method: "POST", path: "/v2/namespaces/a", effect: "write" };

/** An upstream that gives each call what `next` says, over metrics that know the namespace `a`. */
function observed() {
  let now = 1_000;
  const clock = { now: () => now, monotonic: () => now };
  const metrics = createPrometheusMetrics(clock, { process: false });
  metrics.admit("a");
  const lines: [string, unknown][] = [];
  const log = {
    warn: (fields: unknown, text: string) => void lines.push([text, fields]),
    info: (fields: unknown, text: string) => void lines.push([text, fields]),
  };
  let next: () => Promise<UpstreamAnswer> = async () => answer(200);
  const inner: Upstream = {
    send: () => next(),
    ping: async () => void (await next()),
    close: async () => {},
  };
  const upstream = observeUpstream(inner, { metrics, clock, log: log as never });
  return {
    upstream,
    lines,
    advance: (ms: number) => {
      now += ms;
    },
    answers: (give: () => Promise<UpstreamAnswer>) => {
      next = give;
    },
    value: async (series: string) => {
      const { text } = await metrics.render(() => true);
      const line = text.split("\n").find((candidate) => candidate.startsWith(`${series} `));
      return line === undefined ? undefined : Number(line.slice(series.length + 1));
    },
  };
}

function answer(status: number, body: string | Uint8Array = "{}", headers = {}): UpstreamAnswer {
  return { status, headers, body: typeof body === "string" ? Buffer.from(body) : body };
}

const fails = (code: "upstream_error" | "gateway_timeout" | "rate_limited") => async () => {
  throw new AppError(code, "turbopuffer could not be reached (connection refused)");
};

describe("a call of upstream", () => {
  it.each([
    [query, async () => answer(200), "read", "ok"],
    [write, async () => answer(429), "write", "throttled"],
    [write, async () => answer(422), "write", "refused"],
    [query, async () => answer(503), "read", "failed"],
    [query, fails("upstream_error"), "read", "unreachable"],
    [write, fails("gateway_timeout"), "write", "unknown"],
    [query, fails("rate_limited"), "read", "throttled"],
    [{ ...query, signal: AbortSignal.abort() }, fails("upstream_error"), "read", "cancelled"],
  ])("is counted by effect and outcome (%#)", async (request, give, effect, outcome) => {
    const { upstream, answers, value } = observed();
    answers(give);
    await upstream.send(request).catch(() => {});
    expect(await value(`layer_upstream_calls_total{effect="${effect}",outcome="${outcome}"}`)).toBe(1);
  });

  it("is open until it is answered, and its time is told to the request behind it", async () => {
    const { upstream, answers, value, advance } = observed();
    const notes = new RequestNotes();
    let resolve = (_: UpstreamAnswer) => {};
    answers(() => new Promise((done) => (resolve = done)));
    const sent = upstream.send({ ...query, notes });
    expect(await value("layer_tpuf_inflight")).toBe(1);
    advance(30);
    resolve(answer(200));
    await sent;
    expect(await value("layer_tpuf_inflight")).toBe(0);
    expect([notes.upstreamCalls, notes.upstreamMs(9_999)]).toEqual([1, 30]);
  });
});

const billed =
  '{"rows":[{"id":1,"note":"\\"billing\\":{\\"billable_logical_bytes_queried\\":9}}"}],' +
  '"billing":{"billable_logical_bytes_queried":256000000,"billable_logical_bytes_returned":240},' +
  '"performance":{"server_total_ms":3}}';

describe("what an answer is billed for", () => {
  const queried = 'hevlayer_tpuf_billable_bytes_queried_total{namespace="a"}';

  it.each([
    ["plain", answer(200, billed)],
    ["gzip", answer(200, gzipSync(billed), { "content-encoding": "gzip" })],
    ["brotli", answer(200, brotliCompressSync(billed), { "content-encoding": "br" })],
    [
      "decoded beside it",
      { ...answer(200, "x", { "content-encoding": "zstd" }), plain: Buffer.from(billed) },
    ],
  ])("is counted (%s)", async (_form, given) => {
    const { upstream, answers, value } = observed();
    answers(async () => given);
    const relayed = await upstream.send(query);
    expect(relayed).toBe(given);
    expect(await value(queried)).toBe(256_000_000);
    expect(await value('hevlayer_tpuf_billable_bytes_returned_total{namespace="a"}')).toBe(240);
  });

  it("is counted for a write too", async () => {
    const { upstream, answers, value } = observed();
    answers(async () => answer(200, '{"status":"OK","billing":{"billable_logical_bytes_written":512}}'));
    await upstream.send(write);
    expect(await value('hevlayer_tpuf_billable_bytes_written_total{namespace="a"}')).toBe(512);
  });

  it.each([
    [
      "a row that looks like it",
      '{"rows":[{"id":1,"x":"\\"billing\\":{\\"billable_logical_bytes_queried\\":9}}"}]}',
    ],
    ["a member of a row", '{"rows":[{"billing":{"billable_logical_bytes_queried":9}}]}'],
    ["no JSON", "billing"],
  ])("is not taken from %s", async (_what, body) => {
    const { upstream, answers, value } = observed();
    answers(async () => answer(200, body));
    await upstream.send(query);
    expect(await value(queried)).toBeUndefined();
  });

  it("is counted after the answer was given where it takes long to decode", async () => {
    const { upstream, answers, value } = observed();
    const noise = Array.from({ length: 20_000 }, (_, index) => `{"id":${Math.sin(index)}}`).join(",");
    const large = gzipSync(
      `{"rows":[${noise}],${billed.slice(billed.indexOf('"billing":{"billable_logical_bytes_queried":256'))}`,
    );
    expect(large.length).toBeGreaterThan(16 * 1024);
    answers(async () => answer(200, large, { "content-encoding": "gzip" }));
    await upstream.send(query);
    await expect.poll(() => value(queried)).toBe(256_000_000);
  });

  it.each([
    ["an encoding unknown here", answer(200, "x", { "content-encoding": "zstd" })],
    ["what does not decode", answer(200, "not gzip", { "content-encoding": "gzip" })],
    ["more than is worth it", answer(200, Buffer.alloc(5 * 1024 * 1024), { "content-encoding": "gzip" })],
  ])("is said to be unread for %s", async (_what, given) => {
    const { upstream, answers, value } = observed();
    answers(async () => given);
    await upstream.send(query);
    expect(await value("hevlayer_tpuf_billing_unread_total")).toBe(1);
  });
});

it("takes the size of a namespace from its metadata", async () => {
  const { upstream, answers, value } = observed();
  answers(async () =>
    answer(200, '{"schema":{"approx_logical_bytes":{"type":"int"}},"approx_logical_bytes":48800000}'),
  );
  await upstream.send({ method: "GET", path: "/v2/namespaces/a/metadata", effect: "read" });
  expect(await value('hevlayer_tpuf_logical_bytes{namespace="a"}')).toBe(48_800_000);
});

describe("whether upstream answers", () => {
  it("is lost with the first call without an answer, and found with the next sound one", async () => {
    const { upstream, answers, advance, lines } = observed();
    expect(upstream.state()).toEqual({});
    answers(fails("upstream_error"));
    await upstream.send(query).catch(() => {});
    advance(500);
    await upstream.send(write).catch(() => {});
    const detail = "turbopuffer could not be reached (connection refused)";
    expect(upstream.state()).toEqual({ lost: { since: 1_000, detail } });
    answers(async () => answer(404));
    await upstream.send(query);
    expect(upstream.state()).toEqual({});
    expect(lines).toEqual([
      ["upstream does not answer", { detail }],
      ["upstream answers again", { lost_ms: 500 }],
    ]);
  });

  it("is not found by answers that only say it does not work", async () => {
    const { upstream, answers } = observed();
    answers(fails("upstream_error"));
    await upstream.ping().catch(() => {});
    for (const status of [500, 503, 401, 403]) {
      answers(async () => answer(status));
      await upstream.send(query);
      expect(upstream.state().lost).toBeDefined();
    }
    answers(async () => answer(200));
    await upstream.ping();
    expect(upstream.state()).toEqual({});
  });

  it("is not lost by a caller who leaves, nor by a full waiting line", async () => {
    const { upstream, answers } = observed();
    answers(fails("upstream_error"));
    await upstream.send({ ...query, signal: AbortSignal.abort() }).catch(() => {});
    answers(fails("rate_limited"));
    await upstream.send(query).catch(() => {});
    expect(upstream.state()).toEqual({});
  });
});
