/**
 * Finds the oldest items of a stage whose ids begin with a prefix.
 *
 * Two walks could answer: along the order of the stage, quick when it is short or many match, and along the items by id, quick
 * when few begin with the prefix. Which it is cannot be known beforehand, so both go on in turns of doubling length until one
 * has the answer; the cost is at most about four times that of the better one, and no further index has to be kept.
 */

import { byteKey, splitByteKey } from "../lmdb/byte-keys.js";
import { type EmbeddedItems, within } from "./embedded-items.js";
import { decodeItem } from "./item-format.js";

const FIRST_TURN = 512;

/** Ids, oldest first, at most `limit`. Runs inside a transaction of the caller's. */
export function oldestMatches(
  items: EmbeddedItems,
  queue: number,
  stage: string,
  prefix: string,
  limit: number,
): string[] {
  if (prefix === "") {
    const range = { ...within(byteKey(queue, stage, "")), limit };
    return [...items.order.getRange(range)].map(({ value }) => value.toString("utf8"));
  }
  const start = Buffer.from(prefix, "utf8");
  const byOrder = walk(items.order.getRange(within(byteKey(queue, stage, ""))), ({ value }) =>
    value.subarray(0, start.length).equals(start) ? value.toString("utf8") : undefined,
  );
  const byId = walk(items.items.getRange(within(byteKey(queue, start))), ({ key, value }) => {
    const item = decodeItem(value);
    if (item.stage !== stage) return undefined;
    return { id: splitByteKey(key, 2)[1]?.toString("utf8") ?? "", place: item.place };
  });
  try {
    for (let turn = FIRST_TURN; ; turn *= 2) {
      if (byOrder.advance(turn, limit)) return byOrder.found.slice(0, limit);
      if (byId.advance(turn, Number.POSITIVE_INFINITY))
        return byId.found
          .toSorted((a, b) => a.place - b.place)
          .slice(0, limit)
          .map(({ id }) => id);
    }
  } finally {
    byOrder.end();
    byId.end();
  }
}

/** Walks a range in turns, collecting what `pick` makes of its entries. */
function walk<E, T>(entries: Iterable<E>, pick: (entry: E) => T | undefined) {
  const iterator = entries[Symbol.iterator]();
  const found: T[] = [];
  return {
    found,
    /** Looks at up to `steps` entries. True once `enough` are found or the range is at its end. */
    advance(steps: number, enough: number): boolean {
      for (let step = 0; step < steps && found.length < enough; step += 1) {
        const next = iterator.next();
        if (next.done) return true;
        const picked = pick(next.value);
        if (picked !== undefined) found.push(picked);
      }
      return found.length >= enough;
    },
    /** Frees the cursor of a range that was not walked to its end. */
    end(): void {
      iterator.return?.();
    },
  };
}
