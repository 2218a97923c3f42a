/** A history of writes that is a function of how many there were, so that what a namespace must hold can be worked out. */

import type { JsonObject } from "../src/engine/json.js";

export const ROWS = 3_000;
/** The document that holds the number of the newest write. */
export const NEWEST_ID = ROWS;

export const rowOf = (id: number, write: number): JsonObject => ({
  id,
  n: write,
  tag: `t${write % 5}`,
  text: `word${id % 50} gen${write}`,
  vector: [id, write],
});

/** Ids of a write: a run of changing length and place. The first write has them all. */
function idsOf(write: number): number[] {
  const length = write === 1 ? ROWS : 1 + ((write * 61) % 200);
  return Array.from({ length }, (_, i) => (write * 977 + i) % ROWS);
}

/** The body of a write: upserts, and deletes every fifth time. */
export function writeBody(write: number): JsonObject {
  const ids = idsOf(write);
  const newest = rowOf(NEWEST_ID, write);
  return {
    upsert_rows: write % 5 === 0 ? [newest] : [...ids.map((id) => rowOf(id, write)), newest],
    ...(write % 5 === 0 ? { deletes: ids } : {}),
    distance_metric: "euclidean_squared",
    schema: { text: { type: "string", full_text_search: true } },
  };
}

/** What the namespace holds after so many writes: for each id the write that it is of. */
export function stateAfter(writes: number): Map<number, number> {
  const state = new Map<number, number>();
  for (let write = 1; write <= writes; write++) {
    for (const id of idsOf(write)) {
      if (write % 5 === 0) state.delete(id);
      else state.set(id, write);
    }
    state.set(NEWEST_ID, write);
  }
  return state;
}
