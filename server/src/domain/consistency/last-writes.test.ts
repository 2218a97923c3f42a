import { describe, expect, it } from "vitest";
import { LastWrites } from "./last-writes.js";
import type { Heard } from "./replica.js";

const MARGIN = 500;
const alone: Heard = {
  lookedAt: Number.POSITIVE_INFINITY,
  through: Number.POSITIVE_INFINITY,
  writes: new Map(),
};
const heard = (lookedAt: number, through: number): Heard => ({ lookedAt, through, writes: new Map() });

/** Times are small: both clocks begin at 0. */
function stage({ trustsBefore = Number.POSITIVE_INFINITY } = {}) {
  const writes = new LastWrites({ marginMs: MARGIN, trustsBefore });
  return {
    writes,
    saw: (lastWriteAt: number | undefined, at: number, own?: number) =>
      writes.saw({ lastWriteAt, startedAt: at, own, now: at }),
  };
}

describe("a last write", () => {
  it("is nobody's business when it is the first that is seen of a namespace", () => {
    const { writes, saw } = stage();
    saw(1_000, 2_000);
    expect([writes.isProved(alone), writes.known]).toEqual([false, 1_000]);
  });

  it("is suspicious even then where nothing is remembered of earlier days", () => {
    const { writes, saw } = stage({ trustsBefore: Number.NEGATIVE_INFINITY });
    saw(1_000, 2_000);
    expect(writes.isProved(alone)).toBe(true);
  });

  it("is suspicious from when the watch began on, since something may have been cached by then", () => {
    const { writes, saw } = stage({ trustsBefore: 1_000 });
    saw(1_000, 2_000);
    expect(writes.isProved(alone)).toBe(true);
    const before = stage({ trustsBefore: 1_000 });
    before.saw(999, 2_000);
    expect([before.writes.isProved(alone), before.writes.known]).toEqual([false, 999]);
  });

  it("later than the first, with none of ours, is another's, and said once", () => {
    const { writes, saw } = stage();
    saw(1_000, 2_000);
    saw(1_000, 3_000);
    expect(writes.isProved(alone)).toBe(false);
    saw(3_500, 4_000);
    expect([writes.isProved(alone), writes.isProved(alone), writes.known]).toEqual([true, false, 3_500]);
    saw(3_500, 5_000);
    expect(writes.isProved(alone)).toBe(false);
  });

  it("is ours up to the margin after a write of ours was settled", () => {
    const { writes, saw } = stage();
    saw(1_000, 2_000);
    saw(5_000 + MARGIN, 6_100, 5_000);
    expect([writes.isProved(alone), writes.known]).toEqual([false, 5_500]);
    saw(6_000 + MARGIN + 1, 7_000, 6_000);
    expect(writes.isProved(alone)).toBe(true);
  });

  it("is another's, however close, once our writes have all been seen", () => {
    const { writes, saw } = stage();
    saw(1_000, 2_000);
    saw(4_900, 5_501, 5_000);
    expect(writes.isProved(alone)).toBe(false);
    saw(5_100, 9_000, 5_000);
    expect(writes.isProved(alone)).toBe(true);
  });

  it("is not told from ours while metadata may not show ours yet", () => {
    const { writes, saw } = stage();
    saw(1_000, 2_000);
    saw(1_000, 5_100, 5_000);
    saw(4_900, 5_700, 5_000);
    expect(writes.isProved(alone)).toBe(false);
  });

  it("is judged against what an earlier process knew", () => {
    const unchanged = stage();
    unchanged.writes.restore(1_000);
    unchanged.saw(1_000, 2_000);
    expect(unchanged.writes.isProved(alone)).toBe(false);
    const changed = stage();
    changed.writes.restore(1_000);
    changed.saw(1_500, 2_000);
    expect(changed.writes.isProved(alone)).toBe(true);
  });

  it("tells nothing where upstream tells none", () => {
    const { writes, saw } = stage({ trustsBefore: Number.NEGATIVE_INFINITY });
    saw(undefined, 1_000);
    expect([writes.isProved(alone), writes.known]).toEqual([false, undefined]);
  });
});

describe("a suspicion", () => {
  it("waits for a look that began after it, and for the others to have told of all until after it", () => {
    const { writes, saw } = stage();
    saw(1_000, 2_000);
    saw(5_000, 5_200);
    expect(writes.isSuspicious).toBe(true);
    expect(writes.isProved(heard(5_199, 9_000))).toBe(false);
    expect(writes.isProved(heard(5_200, 5_500))).toBe(false);
    expect(writes.isProved(heard(5_200, 5_501))).toBe(true);
    expect(writes.isSuspicious).toBe(false);
  });

  it("ends when another replica owns to the write", () => {
    const { writes, saw } = stage();
    saw(1_000, 2_000);
    saw(5_000, 5_200);
    expect(writes.othersWrote(5_050)).toBe(true);
    expect(writes.othersWrote(5_050)).toBe(false);
    expect([writes.isProved(heard(6_000, 9_000)), writes.known]).toEqual([false, 5_000]);
  });

  it("does not end with what the others were known to have written when it arose", () => {
    const { writes, saw } = stage();
    writes.othersWrote(4_900);
    saw(1_000, 2_000);
    saw(4_800, 5_450);
    expect(writes.isSuspicious).toBe(false);
    saw(4_850, 6_000);
    saw(5_300, 7_000);
    expect(writes.isProved(heard(8_000, 9_000))).toBe(true);
  });

  it("stands although we write afterwards", () => {
    const { writes, saw } = stage();
    saw(1_000, 2_000);
    saw(5_000, 5_200);
    saw(5_900, 6_000, 5_900);
    expect(writes.isProved(heard(7_000, 9_000))).toBe(true);
  });

  it("is a proof when there are too many of it", () => {
    const { writes, saw } = stage();
    saw(1_000, 2_000);
    for (let at = 3_000; at <= 11_000; at += 1_000) saw(at, at + 10);
    expect(writes.isProved(heard(0, 0))).toBe(true);
  });
});
