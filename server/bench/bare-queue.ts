/** The writes of the embedded queue done with lmdb alone: same keys, same bytes, one flushed transaction a call, no checks. */

import { byteKey } from "../src/adapters/lmdb/byte-keys.js";
import { openBareLmdb } from "./bare-lmdb.js";

export function createBareQueue(directory: string) {
  const { environment, database } = openBareLmdb(directory);
  const items = database("items");
  const order = database("order");
  const leases = database("leases");
  const counts = database("counts");
  const waiting = Buffer.from(JSON.stringify({ format: 1, stage: "pending", place: 1_000_000, claims: 0 }));
  const lease = { worker: "w", leaseMs: 3_600_000, from: "pending", expiresAt: 1_700_000_000_000 };
  const claimed = Buffer.from(
    JSON.stringify({ format: 1, stage: "embedding", place: 1_000_000, claims: 1, lease }),
  );
  const nothing = Buffer.alloc(1);
  const range = { start: byteKey(1, "pending", ""), end: byteKey(1, "pendinh", "") };
  let place = 0;

  return {
    async enqueue(ids: readonly string[]): Promise<void> {
      await environment.transaction(() => {
        for (const id of ids) {
          place += 1;
          items.put(byteKey(1, id), waiting);
          order.put(byteKey(1, "pending", byteKey(place)), Buffer.from(id));
        }
        counts.put(byteKey(1, "pending", ""), byteKey(place));
      });
      await environment.flushed;
    },

    async claim(limit: number): Promise<string[]> {
      const taken = await environment.transaction(() => {
        const found = [...order.getRange({ ...range, limit })].map(({ key, value }) => ({
          place: Buffer.from(key.subarray(-8)),
          id: value.toString("utf8"),
        }));
        for (const { place: at, id } of found) {
          items.get(byteKey(1, id));
          order.remove(byteKey(1, "pending", at));
          items.put(byteKey(1, id), claimed);
          order.put(byteKey(1, "embedding", at), Buffer.from(id));
          leases.put(byteKey(1, lease.expiresAt, id), nothing);
        }
        for (const stage of ["pending", "embedding"]) {
          counts.get(byteKey(1, stage, ""));
          counts.put(byteKey(1, stage, ""), byteKey(found.length));
        }
        return found.map(({ id }) => id);
      });
      await environment.flushed;
      return taken;
    },

    close: () => environment.close(),
  };
}
