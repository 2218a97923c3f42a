import { describe, expect, it } from "vitest";
import { CacheUnavailable } from "../../ports/document-cache.js";
import { createJobBoard } from "./job-board.js";
import { createMemoryShelf } from "./memory-shelf.js";
import { type OriginPage, OriginRefused, type OriginRow } from "./origin-pages.js";
import { newWarmJob, type WarmJob, warmJobJson } from "./warm-job.js";
import { createWarmRunner } from "./warm-runner.js";

const rowsOf = (count: number): OriginRow[] =>
  Array.from({ length: count }, (_, n) => ({ id: String(n), attributes: [["n", Buffer.from(String(n))]] }));

function setUp(rowCount = 25) {
  const time = { now: 1_700_000_000_000 };
  const clock = { now: () => time.now, monotonic: () => time.now };
  const blobs = createMemoryShelf();
  const rows = rowsOf(rowCount);
  const cached = new Set<string>();
  const events: string[] = [];
  const state = {
    epoch: "e1",
    generation: 1 as number | undefined,
    total: rowCount as number | undefined,
    through: 900 as number | undefined,
    uncacheable: 0,
    /** Called before a page is answered or cached. */
    onRead: (_after: string | undefined): void | Promise<void> => undefined,
    onFill: (_rows: readonly OriginRow[]): void | Promise<void> => undefined,
    /** Called before the cache says an epoch, or notes what was warmed. */
    onAsk: (_what: "epoch" | "warmed"): void => undefined,
  };
  const board = createJobBoard<WarmJob>({ blobs, clock }, { kind: "warm" });
  const runner = () =>
    createWarmRunner({
      board,
      clock,
      generationOf: () => state.generation,
      look: async () => {
        events.push("look");
        return { through: state.through, total: state.total };
      },
      origin: {
        async read(_namespace, after, limit): Promise<OriginPage> {
          events.push(`read ${after ?? "first"}`);
          await state.onRead(after);
          const from = after === undefined ? 0 : Number(after) + 1;
          const page = rows.slice(from, from + limit);
          return {
            rows: page,
            next: page.length < limit ? undefined : (page.at(-1)?.id ?? ""),
            bytes: page.length * 100,
          };
        },
      },
      sink: {
        async epoch() {
          state.onAsk("epoch");
          return state.epoch;
        },
        async fill(_namespace, _epoch, page) {
          await state.onFill(page);
          for (const { id } of page) cached.add(id);
          const { uncacheable } = state;
          state.uncacheable = 0;
          return { uncacheable };
        },
        warmed: async (namespace, through, epoch) => {
          state.onAsk("warmed");
          events.push(`warmed ${namespace} ${through} ${epoch}`);
        },
      },
      pause: async (ms) => {
        events.push(`pause ${ms}`);
        time.now += ms;
      },
      log: { info: () => undefined, warn: () => undefined },
    });
  const submit = (pageSize = 10) =>
    board.submit("films", () => newWarmJob("11111111-1111-4111-8111-111111111111", pageSize, time.now));
  const onlyJob = async () => (await board.list("films"))[0] as WarmJob;
  const ended = async (running: ReturnType<typeof runner>) => {
    while (running.isRunning("films")) await new Promise((resolve) => setImmediate(resolve));
    return onlyJob();
  };
  return { time, state, board, runner, submit, onlyJob, ended, cached, events };
}

describe("a warm job", () => {
  it("puts every page into the cache and says through which instant", async () => {
    const { runner, submit, ended, cached, events } = setUp(25);
    await submit();
    const running = runner();
    await running.runOnce();
    const job = await ended(running);
    expect(warmJobJson("films", job)).toMatchObject({
      status: "completed",
      progress: 1,
      documents_scanned: 25,
      stable_as_of: 900,
      error: null,
    });
    expect(cached.size).toBe(25);
    expect(events).toEqual(["look", "read first", "read 9", "read 19", "warmed films 900 e1"]);
  });

  it("ends after an empty last page when the rows fill the pages exactly", async () => {
    const { runner, submit, ended, cached } = setUp(20);
    await submit();
    const running = runner();
    running.wake("films");
    expect((await ended(running)).scanned).toBe(20);
    expect(cached.size).toBe(20);
  });

  it("is not begun by a replica that does not own the namespace", async () => {
    const { runner, submit, state, onlyJob, events } = setUp();
    state.generation = undefined;
    await submit();
    const running = runner();
    await running.runOnce();
    expect(running.isRunning("films")).toBe(false);
    expect(events).toEqual([]);
    expect((await onlyJob()).status).toBe("running");
  });

  it("goes on where its last owner stored the cursor", async () => {
    const { runner, submit, state, ended, cached, events, time } = setUp(45);
    await submit();
    const first = runner();
    state.onRead = (after) => {
      time.now += 1_500;
      if (after === "29") state.generation = undefined;
    };
    await first.runOnce();
    const left = await ended(first);
    expect(left).toMatchObject({ status: "running", generation: 1 });
    expect(left.scanned).toBeGreaterThanOrEqual(10);
    const before = events.length;
    state.generation = 2;
    state.onRead = () => undefined;
    const second = runner();
    await second.runOnce();
    expect(await ended(second)).toMatchObject({
      status: "completed",
      scanned: 45,
      generation: 2,
      through: 900,
    });
    expect(events.slice(before)[0]).toBe(`read ${left.cursor}`);
    expect(cached.size).toBe(45);
  });

  it("leaves the job to a newer owner that took it over meanwhile", async () => {
    const { runner, submit, state, board, ended, time } = setUp(100);
    await submit();
    const running = runner();
    state.onFill = async (rows) => {
      time.now += 2_000;
      if (rows[0]?.id === "20")
        await board.change("films", "11111111-1111-4111-8111-111111111111", 9, (job) => job);
    };
    await running.runOnce();
    expect(await ended(running)).toMatchObject({ status: "running", generation: 9 });
  });

  it("tries a page again after 429 and 5xx, with growing pauses", async () => {
    const { runner, submit, state, ended, events } = setUp(5);
    await submit();
    let failures = 3;
    state.onRead = () => {
      if (failures-- > 0) throw new OriginRefused(failures === 1 ? 503 : 429, "busy");
    };
    const running = runner();
    await running.runOnce();
    expect((await ended(running)).status).toBe("completed");
    expect(events.filter((event) => event.startsWith("pause"))).toEqual([
      "pause 250",
      "pause 500",
      "pause 1000",
    ]);
  });

  it("fails when upstream keeps refusing, and says why", async () => {
    const { runner, submit, state, ended } = setUp(5);
    await submit();
    state.onRead = () => {
      throw new OriginRefused(404, "turbopuffer answered 404 to a page of films");
    };
    const running = runner();
    await running.runOnce();
    expect(warmJobJson("films", await ended(running))).toMatchObject({
      status: "failed",
      error: "turbopuffer answered 404 to a page of films",
    });
  });

  it("reads a page again that the cache did not take in time, since it may be old by now, and goes on", async () => {
    const { runner, submit, state, ended, cached, events } = setUp(50);
    await submit();
    let failures = 4;
    state.onFill = (rows) => {
      if (rows[0]?.id === "20" && failures-- > 0)
        throw new CacheUnavailable("timeout", "no answer in 200 ms");
    };
    const running = runner();
    await running.runOnce();
    const job = await ended(running);
    expect(job).toMatchObject({ status: "completed", scanned: 50 });
    expect(cached.size).toBe(50);
    expect(events.filter((event) => event.startsWith("pause"))).toEqual([
      "pause 250",
      "pause 500",
      "pause 1000",
      "pause 2000",
    ]);
    // The page behind it, which was asked for meanwhile, is old by then as well.
    expect(events.filter((event) => event === "read 19")).toHaveLength(5);
    expect(events.filter((event) => event === "read 29")).toHaveLength(5);
  });

  it("asks the cache again for an epoch, and whether it was warmed, when it did not answer", async () => {
    const { runner, submit, state, ended, events } = setUp(5);
    await submit();
    const failing = new Set(["epoch", "warmed"]);
    state.onAsk = (what) => {
      if (failing.delete(what)) throw new CacheUnavailable("down", "it did not answer a moment ago");
    };
    const running = runner();
    await running.runOnce();
    expect((await ended(running)).status).toBe("completed");
    expect(events).toEqual(["pause 250", "look", "read first", "pause 250", "warmed films 900 e1"]);
  });

  it("fails when a page cannot be cached for half a minute, and says why", async () => {
    const { runner, submit, state, ended, events, time } = setUp(50);
    await submit();
    const begunAt = time.now;
    state.onFill = (rows) => {
      if (rows[0]?.id === "20") throw new CacheUnavailable("timeout", "no answer in 200 ms");
    };
    const running = runner();
    await running.runOnce();
    expect(await ended(running)).toMatchObject({
      status: "failed",
      error: "the document cache failed: no answer in 200 ms",
    });
    expect(events.filter((event) => event.startsWith("pause"))).toHaveLength(9);
    expect(time.now - begunAt).toBe(250 + 500 + 1_000 + 2_000 + 5 * 4_000);
    expect(events.some((event) => event.startsWith("warmed"))).toBe(false);
  });

  it("is left to the next owner when the process drains while the cache does not answer", async () => {
    const { runner, submit, state, onlyJob } = setUp(50);
    await submit();
    const running = runner();
    let stopped: Promise<void> | undefined;
    state.onFill = () => {
      stopped ??= running.stop();
      throw new CacheUnavailable("closed", "the cache is closed");
    };
    await running.runOnce();
    await expect.poll(() => stopped !== undefined).toBe(true);
    await stopped;
    expect((await onlyJob()).status).toBe("running");
  });

  it("claims no warmth when a row is too large to cache", async () => {
    const { runner, submit, state, ended, events } = setUp(5);
    await submit();
    state.uncacheable = 1;
    const running = runner();
    await running.runOnce();
    expect((await ended(running)).status).toBe("completed");
    expect(events.some((event) => event.startsWith("warmed"))).toBe(false);
  });

  it("claims no warmth and reports no instant without a watermark", async () => {
    const { runner, submit, state, ended, events } = setUp(5);
    await submit();
    state.through = undefined;
    const running = runner();
    await running.runOnce();
    expect(warmJobJson("films", await ended(running))).not.toHaveProperty("stable_as_of");
    expect(events.some((event) => event.startsWith("warmed"))).toBe(false);
  });

  it("begins anew when the cache forgets the namespace meanwhile, and gives up in the end", async () => {
    const once = setUp(25);
    await once.submit();
    once.state.onFill = (rows) => {
      if (rows[0]?.id === "10" && once.state.epoch === "e1") once.state.epoch = "e2";
    };
    const running = once.runner();
    await running.runOnce();
    expect(await once.ended(running)).toMatchObject({ status: "completed", scanned: 25, epoch: "e2" });
    expect(once.events.at(-1)).toBe("warmed films 900 e2");

    const always = setUp(25);
    await always.submit();
    let epochs = 0;
    always.state.onFill = () => {
      always.state.epoch = `again ${epochs++}`;
    };
    const restless = always.runner();
    await restless.runOnce();
    expect(await always.ended(restless)).toMatchObject({ status: "failed" });
  });

  it("is left running when the process drains", async () => {
    const { runner, submit, state, onlyJob } = setUp(100);
    await submit();
    const running = runner();
    let reached: () => void = () => undefined;
    const atSecondPage = new Promise<void>((resolve) => {
      reached = resolve;
    });
    let release: () => void = () => undefined;
    state.onFill = (rows) => {
      if (rows[0]?.id !== "10") return;
      reached();
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    };
    await running.runOnce();
    await atSecondPage;
    const stopped = running.stop();
    release();
    await stopped;
    expect((await onlyJob()).status).toBe("running");
    await running.runOnce();
    expect(running.isRunning("films")).toBe(false);
  });
});
