/** The double that stands for the cache in other tests keeps the contract that the real ones keep. */

import { describeDocumentCache } from "../src/ports/document-cache.contract.js";
import { handTime } from "./hand-time.js";
import { CacheContents, createMemoryCache } from "./memory-cache.js";

describeDocumentCache("the memory double", async () => {
  const time = handTime();
  const contents = new CacheContents();
  return {
    open: async () => createMemoryCache(time.clock, contents),
    pass: (ms) => time.pass(ms),
    jump: time.jump,
    attributesFit: 100_000,
    attributesTooLarge: 2_000_000,
    dispose: async () => undefined,
  };
});
