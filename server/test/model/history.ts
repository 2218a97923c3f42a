/** Random histories: what callers do and what goes wrong, as data, so that a failing one can be cut down and run again. */

import { type Fate, LATE_MS } from "./model-upstream.js";
import { REFUSED_TOKEN, type WriteBody } from "./model-writes.js";

/** One step. `luck` seeds everything random about it, so that leaving other steps out leaves it as it is. */
export type Step = {
  readonly id: number;
  readonly at: number;
  readonly luck: number;
  readonly replica: number;
} & (
  | { readonly kind: "write"; readonly namespace: string; readonly body: WriteBody }
  | { readonly kind: "around"; readonly namespace: string; readonly body: WriteBody }
  | { readonly kind: "query"; readonly namespace: string; readonly body: Record<string, unknown> }
  | { readonly kind: "fetch"; readonly namespace: string; readonly ids: readonly string[] }
  | { readonly kind: "pause"; readonly ms: number; readonly freezesClock: boolean }
  | { readonly kind: "clock"; readonly ms: number }
  | { readonly kind: "kill"; readonly backAfterMs: number }
  | { readonly kind: "store"; readonly lost: number; readonly conflict: number; readonly slowMs: number }
  | { readonly kind: "cache"; readonly fault: CacheFault }
);

/** `down` and `slow` last for a while; the others happen once. */
export type CacheFault =
  | { readonly what: "down" | "slow"; readonly ms: number }
  | { readonly what: "emptied" | "evict" | "lose-writes" };

export interface HistoryOptions {
  readonly seed: number;
  readonly steps: number;
  readonly replicas: number;
  /** One replica without a blob store. Nothing tells a new process of what an earlier one had in flight, so none dies. */
  readonly isSole: boolean;
  /** Whether the document cache is under test too. */
  readonly cache: boolean;
}

export const NAMESPACES = ["films", "songs"];
const IDS = ["a", "b", "c", "d", "e", "f"];

/** Mulberry32: small, and good enough to shuffle. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function createHistory({ seed, steps, replicas, isSole, cache }: HistoryOptions): Step[] {
  const random = randomOf(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const chance = (share: number): boolean => random() < share;
  const history: Step[] = [];
  let at = 100;
  for (let id = 1; id <= steps; id += 1) {
    // Bursts and lulls: races need steps close together, settling needs time.
    at += chance(0.7) ? random() * 60 : chance(0.9) ? random() * 1_500 : random() * 20_000;
    const common = {
      id,
      at: Math.round(at),
      luck: Math.floor(random() * 2 ** 32),
      replica: Math.floor(random() * replicas),
    };
    const namespace = pick(NAMESPACES);
    const dice = random();
    if (dice < 0.4) {
      history.push({ ...common, kind: "write", namespace, body: writeBody(id, pick, chance) });
      // What trails a write shows to a read that comes right after a poll of it.
      if (chance(0.25)) {
        const soon = { ...common, id: steps + id, at: Math.round(at + 60 + random() * 350) };
        history.push({
          ...soon,
          kind: "query",
          namespace,
          body: { vector: [0.5], top_k: 50, include_attributes: true },
        });
      }
    } else if (dice < 0.68)
      history.push({ ...common, kind: "query", namespace, body: queryBody(pick, chance) });
    else if (dice < 0.92)
      history.push({ ...common, kind: "fetch", namespace, ids: chance(0.7) ? [pick(IDS)] : IDS.slice(0, 4) });
    else if (dice < 0.935)
      history.push({
        ...common,
        kind: "around",
        namespace,
        body: { upsert_rows: [{ id: pick(IDS), token: `t${id}` }] },
      });
    else if (dice < 0.955)
      history.push({
        ...common,
        kind: "pause",
        ms: random() * (chance(0.8) ? 3_000 : 40_000),
        freezesClock: chance(0.5),
      });
    else if (dice < 0.965) history.push({ ...common, kind: "clock", ms: (random() - 0.5) * 200 });
    else if (dice < 0.97 && !isSole)
      history.push({ ...common, kind: "kill", backAfterMs: random() * 30_000 });
    else if (dice < 0.98 || !cache)
      history.push({
        ...common,
        kind: "store",
        lost: chance(0.5) ? 0 : random() * 0.2,
        conflict: random() * 0.1,
        slowMs: chance(0.7) ? 5 : 600,
      });
    else history.push({ ...common, kind: "cache", fault: cacheFault(random, pick, chance) });
  }
  return history.sort((one, other) => one.at - other.at);
}

type Pick = <T>(from: readonly T[]) => T;
type Chance = (share: number) => boolean;

function writeBody(id: number, pick: Pick, chance: Chance): WriteBody {
  const token = `t${id}`;
  if (chance(0.05)) return { upsert_rows: [{ id: pick(IDS), token: REFUSED_TOKEN, mark: token }] };
  if (chance(0.5)) {
    const rows = [{ id: pick(IDS), token, extra: chance(0.3) ? null : token }];
    return {
      upsert_rows: chance(0.3) ? [...rows, { id: pick(IDS), token, extra: token }].filter(firstOfId) : rows,
    };
  }
  if (chance(0.4)) return { patch_rows: [{ id: pick(IDS), extra: token }] };
  if (chance(0.4)) return { deletes: [pick(IDS)] };
  if (chance(0.4)) return { delete_by_filter: ["id", "Eq", pick(IDS)] };
  if (chance(0.5))
    return { patch_by_filter: { filters: ["id", "In", [pick(IDS), pick(IDS)]], patch: { extra: token } } };
  return { upsert_rows: [{ id: pick(IDS), token }], upsert_condition: ["extra", "Eq", null] };
}

const firstOfId = (row: { id: string }, index: number, all: { id: string }[]): boolean =>
  all.findIndex(({ id }) => id === row.id) === index;

function queryBody(pick: Pick, chance: Chance): Record<string, unknown> {
  const level = chance(0.15) ? "eventual" : chance(0.3) ? "strong" : undefined;
  const consistency = level === undefined ? {} : { consistency: { level } };
  const filters = chance(0.3) ? { filters: ["id", "In", [pick(IDS), pick(IDS)]] } : {};
  if (chance(0.4)) return { vector: [0.5], top_k: 50, include_attributes: true, ...filters, ...consistency };
  const native = { rank_by: ["id", "asc"], top_k: 50, include_attributes: true };
  return { ...native, ...filters, ...consistency };
}

function cacheFault(random: () => number, pick: Pick, chance: Chance): CacheFault {
  if (chance(0.5)) return { what: pick(["down", "slow"] as const), ms: random() * 8_000 };
  return { what: pick(["emptied", "evict", "lose-writes"] as const) };
}

/** What happens to one request of a step, or of the background when it belongs to none. */
export function fateOf(random: () => number): Fate {
  const slow = random() < 0.06;
  const spread = slow ? 4_000 : 40;
  const dice = random();
  const trouble =
    dice < 0.01
      ? "refused"
      : dice < 0.015
        ? "lost"
        : dice < 0.03
          ? "unanswered"
          : dice < 0.04
            ? "late"
            : dice < 0.06
              ? "busy"
              : dice < 0.07
                ? "broken"
                : undefined;
  return {
    outMs: 1 + random() * spread,
    backMs: 1 + random() * (random() < 0.05 ? 3_000 : 40),
    ...(trouble === undefined ? {} : { trouble }),
    lateMs: random() * LATE_MS,
    // Often done before the eventual reads have caught up, sometimes long after.
    indexMs: random() < 0.4 ? 20 : 50 + random() * (random() < 0.4 ? 15_000 : 1_500),
    coin: random() < 0.5,
  };
}
