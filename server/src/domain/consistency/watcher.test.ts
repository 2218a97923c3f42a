import { describe, expect, it } from "vitest";
import { handClocks } from "../../../test/memory-blobs.js";
import { answerJson, scriptedUpstream } from "../../../test/upstream-double.js";
import { MARGIN, START, watcherStage as stage, updating, upToDate } from "../../../test/watcher-stage.js";
import { AppError } from "../../errors.js";
import { createBackgroundReads } from "../jobs/background-reads.js";
import { createConsistency } from "./create-consistency.js";

describe("a poll", () => {
  it("asks for the namespace's metadata, within a time of its own", async () => {
    const { watcher, upstream } = stage();
    watcher.register("a/b");
    await watcher.runOnce();
    expect(upstream.requests).toEqual([
      {
        method: "GET",
        path: "/v2/namespaces/a%2Fb/metadata",
        effect: "read",
        answer: "decoded",
        timeoutMs: 5_000,
      },
    ]);
  });

  it.each([
    ["up to date", { index: { status: "up-to-date" } }, "stable"],
    ["updating", { index: { status: "updating" } }, "updating"],
    [
      "another status, with bytes that are not indexed",
      { index: { status: "new" }, a: [{ unindexed_bytes: 3 }] },
      "updating",
    ],
    ["no status, with bytes that are not indexed", { index: { unindexed_bytes: 1 } }, "updating"],
    ["no status, with no such bytes", { index: { unindexed_bytes: 0 } }, "unknown"],
    ["nothing of an index", {}, "unknown"],
  ])("that says %s", async (_, metadata, status) => {
    const { watcher, shows } = stage();
    shows(metadata);
    watcher.register("n");
    await watcher.runOnce();
    expect(watcher.view("n")).toMatchObject({ status, hasStamp: false });
  });

  it.each([
    ["that can be filtered by", { type: "int", filterable: true }, true],
    ["of which only the type is told", { type: "int" }, true],
    ["that somebody made not filterable", { type: "int", filterable: false }, false],
    ["that somebody gave another type", { type: "string", filterable: true }, false],
  ])("takes only a stamp for one that upstream can filter by: one %s", async (_, stamp, hasStamp) => {
    const { watcher, shows } = stage();
    shows({ index: { status: "updating" }, schema: { _hevlayer_upserted_at: stamp } });
    watcher.register("n");
    await watcher.runOnce();
    expect(watcher.view("n")).toMatchObject({ hasStamp });
  });

  it("that is stable sets the watermark to its start less the margin", async () => {
    const { watcher, pass, now, heard } = stage();
    now.script = () => {
      pass(2_000);
      return answerJson(upToDate);
    };
    watcher.register("n");
    await watcher.runOnce();
    expect(watcher.view("n")).toEqual({ status: "stable", watermark: START - MARGIN, hasStamp: true });
    expect(heard).toEqual([`stable n ${-MARGIN}`]);
  });

  it("that is not stable leaves the watermark where it is", async () => {
    const { watcher, shows, run } = stage();
    watcher.register("n");
    await watcher.runOnce();
    shows(updating);
    await run(60_000);
    expect(watcher.view("n")).toEqual({ status: "updating", watermark: START - MARGIN, hasStamp: true });
  });

  it("never moves the watermark back, whoever sets the clock", async () => {
    const { watcher, set, run } = stage();
    watcher.register("n");
    await watcher.runOnce();
    set(-3_600_000);
    await run(60_000);
    expect(watcher.view("n").watermark).toBe(START - MARGIN);
  });

  it("stays below a write of the same namespace that was in flight when it began, whenever that ends", async () => {
    const { watcher, holds, pass, now } = stage();
    pass(10_000);
    const hold = holds.begin("n");
    holds.begin("other");
    pass(5_000);
    now.script = () => {
      hold.settle("applied");
      pass(MARGIN);
      return answerJson(upToDate);
    };
    watcher.register("n");
    await watcher.runOnce();
    expect(watcher.view("n").watermark).toBe(hold.stamp - 1);
  });

  it("stays below a write that was acknowledged within the margin before it", async () => {
    const { watcher, holds, pass, run } = stage();
    const hold = holds.begin("n");
    pass(10_000);
    hold.settle("applied");
    watcher.register("n");
    pass(MARGIN - 1);
    await watcher.runOnce();
    expect(watcher.view("n").watermark).toBe(hold.stamp - 1);
    watcher.noteWritten("n", hold.stamp);
    await run(1_000);
    expect(watcher.view("n").watermark).toBeGreaterThan(hold.stamp);
  });

  it.each([
    ["fails", new AppError("upstream_error", "no answer")],
    ["is refused", answerJson({ status: "error" }, 429)],
    ["is answered with something else", answerJson([])],
    ["is answered with what is not JSON", { status: 200, headers: {}, body: Buffer.from("{") }],
  ])("that %s changes nothing, and is tried again", async (_, answer) => {
    const { watcher, now, run, polls } = stage();
    watcher.register("n");
    await watcher.runOnce();
    const before = watcher.view("n");
    now.answer = answer;
    watcher.noteWritten("n", START);
    await run(1_000);
    expect(watcher.view("n")).toEqual(before);
    expect([watcher.totals().failedPolls, polls()]).toEqual([1, 2]);
    await run(2_000);
    expect(polls()).toBe(3);
  });

  it("that fails again and again is tried ever more seldom, up to half a minute", async () => {
    const { watcher, now, run, polls } = stage();
    now.answer = new AppError("upstream_error", "no answer");
    watcher.register("n");
    await watcher.runOnce();
    await run(63_000);
    expect(polls()).toBe(6);
    await run(64_000);
    expect(polls()).toBe(8);
  });

  it("that finds no namespace forgets it", async () => {
    const { watcher, now, heard, run } = stage();
    watcher.register("n");
    await watcher.runOnce();
    now.answer = answerJson({ status: "error" }, 404);
    await run(60_000);
    expect(watcher.view("n")).toEqual({ status: "unknown", watermark: undefined, hasStamp: false });
    expect([watcher.size, heard.at(-1)]).toEqual([0, "dropped n"]);
  });

  it("that finds no namespace does not forget one that a write has made since", async () => {
    const { watcher, now, heard } = stage();
    now.script = () => {
      watcher.noteWritten("n", START);
      return answerJson({}, 404);
    };
    watcher.register("n");
    await watcher.runOnce();
    expect([watcher.size, heard]).toEqual([1, []]);
  });

  it("whose answer was overtaken says nothing of the present", async () => {
    const { watcher, holds, pass } = stage();
    const slow = watcher.observe("n");
    pass(1);
    const fast = watcher.observe("n");
    await fast.saw(answerJson(updating));
    holds.begin("n");
    await slow.saw(answerJson({ index: { status: "up-to-date" } }));
    expect(watcher.view("n")).toEqual({ status: "updating", watermark: START - MARGIN, hasStamp: true });
  });
});

describe("the cadence", () => {
  it("is fast while a namespace is updating or unknown, and slow while it is stable", async () => {
    const { watcher, shows, run, polls } = stage();
    shows(updating);
    watcher.register("n");
    await run(10_000);
    expect(polls()).toBe(10);
    shows({});
    await run(10_000);
    expect(polls()).toBe(20);
    shows(upToDate);
    await run(1_000);
    expect(polls()).toBe(21);
    await run(120_000);
    expect(polls()).toBe(23);
  });

  it("spreads the polls of the slow tier", async () => {
    const clocks = handClocks(START);
    const upstream = scriptedUpstream(() => answerJson(upToDate));
    const { watcher } = createConsistency(
      {
        upstream,
        clock: clocks.clock,
        blobs: undefined,
        backgroundReads: createBackgroundReads(),
        random: () => 1,
      },
      { replicaId: "r" },
    );
    watcher.register("n");
    await watcher.runOnce();
    clocks.pass(47_999);
    await watcher.runOnce();
    expect(upstream.requests.length).toBe(1);
    clocks.pass(1);
    await watcher.runOnce();
    expect(upstream.requests.length).toBe(2);
  });

  it("is fast from a write on, at once, until the watermark has passed it", async () => {
    const { watcher, holds, run, pass, polls } = stage();
    watcher.register("n");
    await watcher.runOnce();
    await run(20_000);
    expect(polls()).toBe(1);
    const hold = holds.begin("n");
    hold.settle("applied");
    watcher.noteWritten("n", hold.stamp);
    await watcher.runOnce();
    expect([polls(), watcher.view("n").watermark]).toEqual([2, hold.stamp - MARGIN]);
    pass(1_000);
    await watcher.runOnce();
    expect([polls(), watcher.view("n").watermark]).toEqual([3, hold.stamp + 1_000 - MARGIN]);
    await run(50_000);
    expect(polls()).toBe(3);
  });

  it("is fast until a caller who waits from the answer on sees the watermark pass", async () => {
    const { watcher, holds, run, pass, clock } = stage();
    watcher.register("n");
    await watcher.runOnce();
    const hold = holds.begin("n");
    pass(8_000);
    hold.settle("applied");
    watcher.noteWritten("n", hold.stamp);
    const heardOf = clock.now();
    await run(3_000);
    expect(watcher.view("n").watermark).toBeGreaterThan(heardOf);
  });

  it("is not made faster than that by many writes", async () => {
    const { watcher, polls, pass } = stage();
    for (let write = 0; write < 40; write += 1) {
      watcher.noteWritten("n", START + write * 100);
      await watcher.runOnce();
      pass(100);
    }
    expect(polls()).toBe(4);
  });

  it("polls once more when a write comes while a poll is on its way", async () => {
    const { watcher, now, pass, polls } = stage();
    now.script = () => {
      if (polls() === 1) {
        pass(1_000);
        watcher.noteWritten("n", START + 1_000);
      }
      return answerJson(upToDate);
    };
    watcher.register("n");
    await watcher.runOnce();
    await watcher.runOnce();
    expect(polls()).toBe(2);
  });

  it("does not stay fast for ever for the sake of a watermark that something holds", async () => {
    const { watcher, holds, run, polls } = stage();
    const hold = holds.begin("n");
    watcher.noteWritten("n", hold.stamp);
    await run(200_000);
    expect(polls()).toBeLessThan(155);
    expect(watcher.view("n").watermark).toBe(hold.stamp - 1);
  });
});

describe("the registry", () => {
  it("holds what is used, and drops what was used longest ago", async () => {
    const { watcher, heard } = stage({ namespacesMax: 3 });
    for (const name of ["a", "b", "c"]) watcher.register(name);
    watcher.view("a");
    watcher.register("b");
    watcher.register("d");
    expect([watcher.size, heard]).toEqual([3, ["dropped c"]]);
    watcher.noteWritten("e", START);
    expect(heard).toEqual(["dropped c", "dropped a"]);
  });

  it("is not entered by a view", () => {
    const { watcher } = stage();
    expect(watcher.view("n")).toEqual({ status: "unknown", watermark: undefined, hasStamp: false });
    expect(watcher.size).toBe(0);
  });

  it("forgets a namespace that was deleted, and a poll of it that is still on its way", async () => {
    const { watcher, now, heard } = stage();
    now.script = () => {
      watcher.forget("n");
      return answerJson(upToDate);
    };
    watcher.register("n");
    await watcher.runOnce();
    expect([watcher.size, watcher.view("n").watermark, heard]).toEqual([0, undefined, []]);
  });

  it("tells how far every watermark is behind", async () => {
    const { watcher, pass } = stage();
    watcher.register("n");
    await watcher.runOnce();
    watcher.register("new");
    pass(2_000);
    expect([...watcher.snapshot()]).toEqual([
      { namespace: "n", status: "stable", watermark: START - MARGIN, lagMs: 2_000 + MARGIN },
      { namespace: "new", status: "unknown", watermark: undefined, lagMs: undefined },
    ]);
  });
});

describe("many polls", () => {
  it("run sixteen at a time, what is updating first", async () => {
    const clocks = handClocks(START);
    const answers: (() => void)[] = [];
    const asked: string[] = [];
    const { watcher } = createConsistency(
      {
        upstream: {
          send: (request) =>
            new Promise((resolve) => {
              asked.push(request.path.split("/")[3] ?? "");
              answers.push(() => resolve(answerJson(request.path.includes("busy") ? updating : upToDate)));
            }),
        },
        clock: clocks.clock,
        blobs: undefined,
        backgroundReads: createBackgroundReads(),
        random: () => 0,
      },
      { replicaId: "r" },
    );
    for (let index = 0; index < 20; index += 1) watcher.register(`idle-${index}`);
    for (let index = 0; index < 4; index += 1) watcher.register(`busy-${index}`);
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    const first = watcher.runOnce();
    await settle();
    expect(asked.length).toBe(16);
    while (asked.length < 24) {
      answers.shift()?.();
      await settle();
    }
    for (const answer of answers.splice(0)) answer();
    await first;
    asked.length = 0;
    clocks.pass(60_000);
    const second = watcher.runOnce();
    await settle();
    expect(asked.slice(0, 4).every((name) => name.startsWith("busy"))).toBe(true);
    // A later step goes on with what is due then; the slow ones keep their places.
    const third = watcher.runOnce();
    await settle();
    expect(asked.length).toBe(16);
    while (answers.length > 0) {
      for (const answer of answers.splice(0)) answer();
      await settle();
    }
    await Promise.all([second, third]);
    expect(new Set(asked).size).toBe(24);
  });

  it("stay within the share of background reads of their namespace", async () => {
    const clocks = handClocks(START);
    const upstream = scriptedUpstream(() => answerJson(upToDate));
    const backgroundReads = createBackgroundReads();
    const { watcher } = createConsistency(
      { upstream, clock: clocks.clock, blobs: undefined, backgroundReads, random: () => 0 },
      { replicaId: "r" },
    );
    let free = () => {};
    const held = Array.from({ length: 4 }, () =>
      backgroundReads.run(
        "n",
        () =>
          new Promise((resolve) => {
            const before = free;
            free = () => {
              before();
              resolve(answerJson({}));
            };
          }),
      ),
    );
    watcher.register("n");
    const step = watcher.runOnce();
    await new Promise((resolve) => setImmediate(resolve));
    expect(upstream.requests.length).toBe(0);
    clocks.pass(300);
    free();
    await Promise.all([...held, step]);
    // The poll began when it was sent, not when it had to wait.
    expect(watcher.view("n").watermark).toBe(START + 300 - MARGIN);
  });

  it("end when they are told to stop", async () => {
    const { watcher, upstream } = stage();
    watcher.register("n");
    await watcher.runOnce(AbortSignal.abort());
    expect(upstream.requests.length).toBe(0);
  });
});

describe("a metadata request of a caller", () => {
  it("registers the namespace and counts as a poll", async () => {
    const { watcher, run, polls } = stage();
    const observation = watcher.observe("n");
    await observation.saw(answerJson(upToDate));
    expect(watcher.view("n")).toEqual({ status: "stable", watermark: START - MARGIN, hasStamp: true });
    await run(50_000);
    expect(polls()).toBe(0);
  });

  it.each([404, 500])("registers nothing when it is answered %i", async (status) => {
    const { watcher } = stage();
    await watcher.observe("n").saw(answerJson({}, status));
    expect(watcher.size).toBe(0);
  });

  it("drops a namespace that is gone", async () => {
    const { watcher, pass } = stage();
    watcher.register("n");
    pass(1);
    await watcher.observe("n").saw(answerJson({}, 404));
    expect(watcher.size).toBe(0);
  });

  it("is judged by the writes that were in flight when it was sent", async () => {
    const { watcher, holds, pass } = stage();
    pass(5_000);
    const hold = holds.begin("n");
    const observation = watcher.observe("n");
    hold.settle("applied");
    pass(5_000);
    await observation.saw(answerJson(upToDate));
    expect(watcher.view("n").watermark).toBe(START + 5_000 - MARGIN);
    expect(START + 5_000 - MARGIN).toBeLessThan(hold.stamp);
  });
});

describe("a poll that is asked for", () => {
  it("gives its answer and lets it count", async () => {
    const { watcher } = stage();
    const answer = await watcher.poll("n");
    expect([answer.status, watcher.view("n").watermark]).toEqual([200, START - MARGIN]);
  });

  it("rejects when it fails", async () => {
    const { watcher, now } = stage();
    now.answer = new AppError("upstream_error", "no answer");
    await expect(watcher.poll("n")).rejects.toMatchObject({ code: "upstream_error" });
  });
});

it("asks for nothing when nothing is watched", async () => {
  const staged = stage();
  await staged.run(5_000);
  expect(staged.polls()).toBe(0);
});
