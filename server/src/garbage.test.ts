import { expect, it } from "vitest";
import { garbageCollector } from "./garbage.js";

it("frees buffers that nobody holds any more", async () => {
  const collect = garbageCollector();
  expect(collect).toBeTypeOf("function");
  collect?.();
  const before = process.memoryUsage().arrayBuffers;
  (() => {
    for (let index = 0; index < 4; index++) Buffer.alloc(8 * 1024 ** 2, 1);
  })();
  expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(16 * 1024 ** 2);
  // A value may still be on the stack of the call that made it.
  await new Promise((resolve) => setImmediate(resolve));
  collect?.();
  await expect.poll(() => process.memoryUsage().arrayBuffers - before).toBeLessThan(9 * 1024 ** 2);
});
