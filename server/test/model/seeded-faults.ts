/** Defects that the model has to catch: each undoes one of the rules that keep the promises. */

import type { DocumentCache } from "../../src/ports/document-cache.js";
import { confirmingBlindly, deletingOutright, fillingBlindly } from "./broken-caches.js";
import type { ReplicaOverrides } from "./replica.js";

export interface SeededFault {
  readonly name: string;
  /** The promises that may break, see `judge.ts`. */
  readonly promises: readonly number[];
  /** Only for the only replica: with several the watermark stays behind their beats, which hides the fault. */
  readonly isSole?: boolean;
  /** Seeds that find a rare one; the others follow, should the timing of the code change. */
  readonly likely?: readonly number[];
  readonly overrides: () => ReplicaOverrides;
}

export const stableReadFaults: readonly SeededFault[] = [
  {
    name: "the safety margin dropped",
    promises: [2],
    isSole: true,
    overrides: () => ({ marginMs: 0 }),
  },
  {
    name: "the hold of writes in flight dropped",
    promises: [2],
    overrides: () => ({
      break: ({ consistency }) => {
        consistency.holds.oldest = () => undefined;
      },
    }),
  },
  {
    name: "the stamp taken when the request is received",
    promises: [2],
    overrides: () => {
      let received = 0;
      return {
        beforeWrite: (receivedAt) => {
          received = receivedAt;
        },
        break: ({ consistency }) => {
          const { begin } = consistency.holds;
          consistency.holds.begin = (namespace, options) => {
            const hold = begin(namespace, options);
            const stamp = Math.floor(received);
            return { stamp, settle: (outcome) => hold.settle(outcome) };
          };
        },
      };
    },
  },
];

const through = (change: (cache: DocumentCache) => DocumentCache) => (): ReplicaOverrides => ({
  parts: (parts) => ({ ...parts, cache: parts.cache && change(parts.cache) }),
});

export const cacheFaults: readonly SeededFault[] = [
  {
    name: "a write confirmed without asking whether it was alone",
    promises: [5],
    overrides: through(confirmingBlindly),
  },
  {
    name: "a delete without a tombstone",
    promises: [5],
    // Leases and pending marks catch most of it: about one history in a hundred shows the rest.
    likely: [324, 425, 460, 484],
    overrides: through(deletingOutright),
  },
  { name: "a backfill whatever happened since", promises: [5], overrides: through(fillingBlindly) },
];
