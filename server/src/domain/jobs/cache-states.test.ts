import { describe, expect, it } from "vitest";
import { handTime } from "../../../test/hand-time.js";
import { BlobStoreError } from "../../ports/blob-store.js";
import type { Warmth } from "../cache/warmth.js";
import { createCacheStates } from "./cache-states.js";

/** Cache states over a board that answers as `running` says; `asked` counts how often. */
function overBoard(
  running: (signal?: AbortSignal) => Promise<readonly string[]>,
  warmth: Pick<Warmth, "state"> = { state: async () => ({ isConnected: true, through: 5 }) },
) {
  const { clock, timers, pass } = handTime();
  let asked = 0;
  const states = createCacheStates({
    board: {
      running: (signal) => {
        asked += 1;
        return running(signal);
      },
    },
    warmth,
    clock,
    timers,
  });
  return { states, pass, asked: () => asked };
}

/** Never answers, but gives up when told to. */
function hung(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener("abort", () => reject(new BlobStoreError("aborted", "blob list was aborted")));
  });
}

const warm = { state: "warm", warm_inflight: false, warmed_through_ms: 5 };
const warming = { state: "warming", warm_inflight: true, warmed_through_ms: 5 };

describe("cache states", () => {
  it("tell which namespaces are being warmed, and ask that once a second for all of them", async () => {
    const { states, pass, asked } = overBoard(async () => ["one"]);
    expect(await states.stateOf("one")).toEqual(warming);
    expect(await states.stateOf("two")).toEqual(warm);
    expect(asked()).toBe(1);
    await pass(1_000);
    await states.stateOf("one");
    expect(asked()).toBe(2);
  });

  it("wait a second at most for a store that hangs, once for many namespaces, and leave it alone for a while", async () => {
    let gaveUp = 0;
    const { states, pass, asked } = overBoard((signal) => {
      signal?.addEventListener("abort", () => gaveUp++);
      return hung(signal);
    });
    const all = Promise.all(Array.from({ length: 100 }, (_, n) => states.stateOf(`ns-${n}`)));
    await pass(1_000);
    expect(new Set((await all).map(({ state }) => state))).toEqual(new Set(["warm"]));
    expect(gaveUp).toBe(1);
    // Nobody after them waits again at once.
    for (let n = 0; n < 100; n++) expect(await states.stateOf(`ns-${n}`)).toEqual(warm);
    expect(asked()).toBe(1);
    await pass(5_000);
    void states.stateOf("later");
    await pass(0);
    expect(asked()).toBe(2);
  });

  it("count what they cannot read as not being warmed, a blob of a later version for one", async () => {
    const { states } = overBoard(async () => {
      throw new Error("jobs/warm/one.json has the unknown format 2");
    });
    expect(await states.stateOf("one")).toEqual(warm);
  });

  it("count a namespace as cold whose name the cache refuses", async () => {
    const state = async (): Promise<never> => {
      throw new RangeError("a cache set of so many bytes");
    };
    const { states } = overBoard(async () => [], { state });
    expect(await states.stateOf("x".repeat(2_000))).toEqual({ state: "cold", warm_inflight: false });
  });

  it("find a store again that is back", async () => {
    let isDown = true;
    const { states, pass } = overBoard(async () => {
      if (isDown) throw new BlobStoreError("unavailable", "blob list failed");
      return ["one"];
    });
    expect(await states.stateOf("one")).toEqual(warm);
    isDown = false;
    expect(await states.stateOf("one")).toEqual(warm);
    await pass(5_000);
    expect(await states.stateOf("one")).toEqual(warming);
  });
});
