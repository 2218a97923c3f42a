import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  CancelledError,
  ConfigError,
  Hevlayer,
  JobFailedError,
  NotFoundError,
  ServerError,
  type WaitOptions,
  WaitTimeoutError,
  type WarmJob,
} from "../src/index.js";

/** An answer of the script: a status with a body, or the failure of the connection; in `tookMs`. */
interface Scripted {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
  refused?: true;
  tookMs?: number;
}

const job = (status: string, progress: number, more: object = {}): Scripted => ({
  body: { id: "j", namespace: "products", status, progress, documents_scanned: 0, ...more },
});

/** A client over a script whose last answer repeats, and the times of its requests. */
function scripted(...script: Scripted[]): { client: Hevlayer; at: number[] } {
  const at: number[] = [];
  const begun = performance.now();
  const fetch = async (request: Request): Promise<Response> => {
    const answer = script[Math.min(at.length, script.length - 1)] ?? {};
    at.push(performance.now() - begun);
    if (answer.tookMs !== undefined) {
      await new Promise((resolve, reject) => {
        setTimeout(resolve, answer.tookMs);
        request.signal.addEventListener("abort", () => reject(request.signal.reason));
      });
    }
    if (answer.refused) throw Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    return new Response(JSON.stringify(answer.body ?? {}), {
      status: answer.status ?? 200,
      headers: { "content-type": "application/json", ...answer.headers },
    });
  };
  return { client: new Hevlayer({ baseUrl: "http://gateway.test", fetch, logLevel: "off" }), at };
}

/** What a wait comes to while the fake clock runs, and how long it took. */
async function outcome(
  client: Hevlayer,
  options?: WaitOptions<WarmJob>,
): Promise<{ job?: WarmJob; error?: unknown; tookMs: number }> {
  const begun = performance.now();
  let settled = false;
  const waiting = client.waitForWarmJob("products", "j", options).then(
    (ended) => ({ job: ended, tookMs: performance.now() - begun }),
    (error: unknown) => ({ error, tookMs: performance.now() - begun }),
  );
  void waiting.then(() => {
    settled = true;
  });
  while (!settled) await vi.advanceTimersByTimeAsync(10);
  return waiting;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("waiting for a warm job", () => {
  it("gives a job that has ended at once", async () => {
    const { client, at } = scripted(job("completed", 1));
    expect(await outcome(client)).toMatchObject({
      job: { status: "completed" },
      tookMs: expect.closeTo(0, -2),
    });
    expect(at).toHaveLength(1);
  });

  it("asks ever more seldom, up to every 5 seconds", async () => {
    const script = Array.from({ length: 12 }, (_, index) => job("running", index / 20));
    const { client, at } = scripted(...script, job("completed", 1));
    await outcome(client);
    const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(pauses.slice(0, 3).map(Math.round)).toEqual([250, 375, 562]);
    expect(pauses.slice(-3).map(Math.round)).toEqual([5000, 5000, 5000]);
    expect(at).toHaveLength(13);
  });

  it("takes other pauses", async () => {
    const { client, at } = scripted(
      job("running", 0),
      job("running", 0),
      job("running", 0),
      job("completed", 1),
    );
    await outcome(client, { firstDelay: 100, delayFactor: 3, maxDelay: 200 });
    expect(at.map(Math.round)).toEqual([0, 100, 300, 500]);
  });

  it("tells of the job after every answer, and ends with what the callback throws", async () => {
    const told: number[] = [];
    const { client } = scripted(job("running", 0.1), job("running", 0.6), job("completed", 1));
    await outcome(client, { onProgress: ({ progress }) => void told.push(progress) });
    expect(told).toEqual([0.1, 0.6, 1]);
    const fed = new Error("enough");
    const onProgress = () => {
      throw fed;
    };
    expect((await outcome(scripted(job("running", 0)).client, { onProgress })).error).toBe(fed);
  });

  it("waits for an async callback, and ends with what it rejects with", async () => {
    const told: number[] = [];
    const onProgress = async ({ progress }: WarmJob) => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      told.push(progress);
    };
    const { client, at } = scripted(job("running", 0.1), job("completed", 1));
    await outcome(client, { onProgress });
    expect(told).toEqual([0.1, 1]);
    expect(at[1]).toBeGreaterThanOrEqual(1000);
    const fed = new Error("enough");
    const reject = () => Promise.reject(fed);
    expect((await outcome(scripted(job("running", 0)).client, { onProgress: reject })).error).toBe(fed);
  });

  it("throws a failed job with the job", async () => {
    const { client } = scripted(job("running", 0.5), job("failed", 0.5, { error: "page 3 was lost" }));
    const { error } = await outcome(client);
    expect(error).toBeInstanceOf(JobFailedError);
    expect(error).toMatchObject({
      name: "JobFailedError",
      kind: "job_failed",
      message: "getWarmJob: the job is failed: page 3 was lost",
      job: { status: "failed", error: "page 3 was lost" },
      operationId: "getWarmJob",
      attempts: 2,
    });
  });

  it("takes a state of tomorrow, and an answer without one, for running", async () => {
    const { client, at } = scripted(job("paused", 0.5), { body: { id: "j" } }, job("completed", 1));
    expect((await outcome(client)).job?.status).toBe("completed");
    expect(at).toHaveLength(3);
  });

  it("outlives failures that may pass, without a request more than its pauses allow", async () => {
    const { client, at } = scripted({ refused: true }, { status: 500 }, { status: 503 }, job("completed", 1));
    expect((await outcome(client)).job?.status).toBe("completed");
    expect(at.map(Math.round)).toEqual([0, 250, 625, 1187]);
  });

  it("ends with a failure that will not pass", async () => {
    const { client, at } = scripted(job("running", 0), {
      status: 404,
      body: { error: "not_found", message: "none" },
    });
    expect((await outcome(client)).error).toBeInstanceOf(NotFoundError);
    expect(at).toHaveLength(2);
  });

  it("obeys Retry-After of failures and of answers, but asks no sooner for it", async () => {
    const running = job("running", 0);
    const { client, at } = scripted(
      { ...running, headers: { "retry-after": "2" } },
      { status: 429, headers: { "retry-after": "90" } },
      { ...running, headers: { "retry-after": "0" } },
      job("completed", 1),
    );
    await outcome(client);
    expect(at.map(Math.round)).toEqual([0, 2000, 92_000, 92_562]);
  });

  it("gives up after 10 minutes, with the job as it was last seen", async () => {
    const { client } = scripted(job("running", 0.4));
    const { error, tookMs } = await outcome(client);
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(error).toMatchObject({
      name: "WaitTimeoutError",
      kind: "wait_timeout",
      message: "getWarmJob: not ended within 600000 ms: the job is running, progress 0.4",
      job: { progress: 0.4 },
    });
    expect(tookMs).toBeGreaterThan(599_000);
    expect(tookMs).toBeLessThanOrEqual(600_020);
  });

  it("gives up at once where the server asks for more patience than there is", async () => {
    const { client, at } = scripted({ status: 503, headers: { "retry-after": "30" } });
    const { error, tookMs } = await outcome(client, { totalTimeout: 20_000 });
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(error).toMatchObject({ job: undefined, cause: expect.any(ServerError) });
    expect([at.length, tookMs < 100]).toEqual([1, true]);
  });

  it("does not wait past its limit for an answer", async () => {
    const { client } = scripted(job("running", 0), { ...job("completed", 1), tookMs: 25_000 });
    const { error, tookMs } = await outcome(client, { totalTimeout: 3_000 });
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(Math.abs(tookMs - 3_000)).toBeLessThan(50);
  });

  it("looks once more shortly before its limit", async () => {
    const { client, at } = scripted(job("running", 0));
    await outcome(client, { totalTimeout: 2_000, firstDelay: 300, maxDelay: 1_200, delayFactor: 4 });
    expect(at.map(Math.round)).toEqual([0, 300, 1500, 1700]);
  });

  it.each([
    [{ totalTimeout: 0 }, "totalTimeout must be above 0"],
    [{ firstDelay: -1 }, "firstDelay must be above 0"],
    [{ maxDelay: Number.NaN }, "maxDelay must be above 0"],
    [{ delayFactor: 0.5 }, "delayFactor must be a number of at least 1"],
    [{ onProgress: "yes" }, "onProgress must be a function"],
    [{ withPerf: true }, "withPerf has no meaning for a wait"],
  ])("refuses %j before it asks", async (options, message) => {
    const { client, at } = scripted(job("completed", 1));
    const { error } = await outcome(client, options as WaitOptions<WarmJob>);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toContain(message);
    expect(at).toEqual([]);
  });
});

it.each(["a pause", "an answer", "a callback"])("a signal ends a wait within 50 ms of %s", async (where) => {
  const running = job("running", 0);
  const { client, at } = scripted(where === "an answer" ? { ...running, tookMs: 20_000 } : running);
  const controller = new AbortController();
  const reason = new Error("the user left");
  setTimeout(() => controller.abort(reason), 60);
  const onProgress = where === "a callback" ? () => new Promise(() => {}) : undefined;
  const { error, tookMs } = await outcome(client, {
    signal: controller.signal,
    firstDelay: 20_000,
    onProgress,
  });
  expect(tookMs).toBeLessThan(60 + 50);
  expect(error).toBeInstanceOf(CancelledError);
  expect(error).toMatchObject({ cause: reason });
  expect(at).toHaveLength(1);
});
