import fc from "fast-check";
import { expect, it } from "vitest";
import { createStamps } from "./stamps.js";

it("stamps follow the clock and never run backwards", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 2e12, noNaN: true }), { minLength: 1 }), (times) => {
      let at = 0;
      const stamps = createStamps({ now: () => times[at] ?? 0, monotonic: () => 0 });
      let previous = 0;
      for (; at < times.length; at++) {
        const stamp = stamps.issue();
        expect(stamp).toBe(Math.max(previous, Math.floor(times[at] ?? 0)));
        previous = stamp;
      }
    }),
  );
});
