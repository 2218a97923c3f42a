import { describe, expect, it } from "vitest";
import { contextWith } from "../../test/upstream-double.js";
import { AppError } from "../errors.js";
import { createHealth } from "./health.js";

const { principal } = contextWith();

function healthOver(ping: () => Promise<void>) {
  let pings = 0;
  const health = createHealth({
    upstream: {
      ping: () => {
        pings++;
        return ping();
      },
    },
    isDraining: () => false,
    version: "1.2.3",
    store: { adapter: "turbopuffer", location: "https://store.example" },
    isLocationPublic: false,
    readinessTimeoutMs: 1_000,
    now: () => 0,
  });
  return { health, pings: () => pings };
}

describe("readiness", () => {
  it("asks upstream once for all who ask at the same time, and again for those who come later", async () => {
    let answer = () => {};
    const { health, pings } = healthOver(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const first = Array.from({ length: 50 }, () => health.readiness(principal));
    expect(pings()).toBe(1);
    answer();
    expect((await Promise.all(first)).every(({ ready }) => ready)).toBe(true);
    const later = health.readiness(principal);
    expect(pings()).toBe(2);
    answer();
    expect((await later).ready).toBe(true);
  });

  it("tells all of them what is wrong", async () => {
    const { health, pings } = healthOver(async () => {
      throw new AppError("upstream_error", "turbopuffer could not be reached (connection refused)");
    });
    const answers = await Promise.all([health.readiness(principal), health.readiness(principal)]);
    expect(pings()).toBe(1);
    for (const { report } of answers) {
      expect(report).toEqual({
        status: "starting",
        version: "1.2.3",
        detail: "turbopuffer could not be reached (connection refused)",
      });
    }
  });
});
