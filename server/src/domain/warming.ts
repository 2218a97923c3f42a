/** Cache warming. So far the bare hint, which upstream alone acts on. */

import { AppError } from "../errors.js";
import type { Upstream } from "../ports/upstream.js";
import { namespacePath } from "./forwarding.js";
import type { Warming } from "./operations.js";
import { passThrough } from "./passthrough.js";

/**
 * Naming any of these asks the gateway itself to warm something. Answering with a bare hint instead would claim a warmth
 * that is not there.
 */
const warmOptions = new Set([
  "turbopuffer",
  "documents",
  "snapshots",
  "page_size",
  "blobs",
  "blob_budget_bytes",
]);

export function createWarming({ upstream }: { upstream: Upstream }): Warming {
  return {
    hintCacheWarm: async (context, namespace) => {
      for (const name of new URLSearchParams(context.rawQuery).keys()) {
        if (warmOptions.has(name)) {
          throw new AppError("validation_error", `${name}: this warm option is not supported yet`);
        }
      }
      return passThrough(upstream, context, {
        method: "GET",
        path: namespacePath("v1", namespace, "hint_cache_warm"),
        effect: "read",
      });
    },
  };
}
