/**
 * The promises, checked on everything that was answered.
 *
 * For reads that are not `eventual` by the caller's own wish:
 * 1. a filtered read shows no row stamped after its watermark W;
 * 2. after a read answered at W, no write stamped at or before W is applied any more, and the read itself shows every row
 *    stamped at or before W that upstream held when it was served;
 * 3. W never moves back on a replica;
 * 4. a refused write is never readable.
 * For fetches:
 * 5. a fetch is never older than the last write acknowledged before it began, through any replica;
 * 6. a write around the gateway is seen once a poll has had time to notice it, unless upstream's last write may then be one of
 *    the gateway's: upstream tells only of the last one, and not whose it was.
 */

import type { Applied } from "./model-upstream.js";
import { type Row, STAMP } from "./model-writes.js";

export class Violation extends Error {
  override readonly name = "Violation";
  readonly promise: number;

  constructor(promise: number, message: string) {
    super(`promise ${promise}: ${message}`);
    this.promise = promise;
  }
}

/** What upstream did for a query, as it was at that instant. */
export interface Served {
  readonly namespace: string;
  readonly rows: ReadonlyMap<string, Row>;
  readonly isFiltered: boolean;
  /** Rows that the caller's own filter lets through. */
  readonly isWanted: (row: Row) => boolean;
}

export interface ShownRow {
  readonly id: string;
  readonly [attribute: string]: unknown;
}

interface Version {
  readonly at: number;
  readonly row: Row | undefined;
}

interface WriteAround {
  readonly namespace: string;
  readonly version: number;
  readonly at: number;
  /** When upstream first told of it; undefined while it did not. */
  toldAt: number | undefined;
}

interface Writing {
  readonly from: number;
  until: number;
}

/** How long after a write around the gateway a fetch may still miss it: a stable poll interval and the poll itself. */
export const AROUND_MS = 75_000;
/** How long after a pause an overdue poll may take. */
const OVERDUE_POLL_MS = 10_000;
/** A last write so long after one of the gateway's may be that one by another clock: the margin, and what clocks are set by. */
const MISTAKABLE_MS = 1_000;

export class Judge {
  reads = 0;
  filteredReads = 0;
  hits = 0;
  /** The highest watermark at which a read was answered, a namespace. */
  readonly #answered = new Map<string, number>();
  readonly #ofReplica = new Map<string, number>();
  readonly #refused = new Set<string>();
  readonly #versions = new Map<string, Version[]>();
  /** The newest version of a row that a caller was told of. */
  readonly #acknowledged = new Map<string, number>();
  /** Versions written around the gateway, by row. */
  readonly #around = new Map<string, WriteAround[]>();
  /** Writes of the gateway's callers, by namespace. */
  readonly #writing = new Map<string, Writing[]>();
  readonly #ofWrite = new Map<number, { key: string; version: number }[]>();

  /** @param write the step whose request it was; undefined for a write around the gateway */
  applied({ namespace, at, changes }: Applied, write: number | undefined): void {
    for (const { id, row } of changes) {
      const key = `${namespace}/${id}`;
      const versions = this.#versions.get(key) ?? [{ at: 0, row: undefined }];
      versions.push({ at, row });
      this.#versions.set(key, versions);
      const version = versions.length - 1;
      if (write === undefined) {
        const around = { namespace, version, at, toldAt: undefined };
        this.#around.set(key, [...(this.#around.get(key) ?? []), around]);
        continue;
      }
      this.#ofWrite.set(write, [...(this.#ofWrite.get(write) ?? []), { key, version }]);
      const answered = this.#answered.get(namespace);
      if (row?.stamp !== undefined && answered !== undefined && row.stamp <= answered)
        throw new Violation(
          2,
          `write ${write} stamped ${row.stamp} reached ${key} at ${at}, after a read at ${answered} was answered`,
        );
    }
  }

  /** A caller's write begins. @returns what to call when it was answered */
  writing(namespace: string, at: number): (answeredAt: number) => void {
    const writing: Writing = { from: at, until: Number.POSITIVE_INFINITY };
    this.#writing.set(namespace, [...(this.#writing.get(namespace) ?? []), writing]);
    return (answeredAt) => {
      writing.until = answeredAt;
    };
  }

  /** Upstream told when the last write of a namespace was. */
  told(namespace: string, lastWriteAt: number, at: number): void {
    for (const versions of this.#around.values())
      for (const around of versions)
        if (around.namespace === namespace && around.at === lastWriteAt) around.toldAt ??= at;
  }

  /** Whether a write around the gateway could pass for one of the gateway's for as long as upstream told of it. */
  #isMistakable({ namespace, at, toldAt = at + AROUND_MS }: WriteAround): boolean {
    return (this.#writing.get(namespace) ?? []).some(
      ({ from, until }) => from <= toldAt && until >= at - MISTAKABLE_MS,
    );
  }

  /** A write was answered with success: from now on every fetch owes it. */
  acknowledged(write: number): void {
    for (const { key, version } of this.#ofWrite.get(write) ?? [])
      this.#acknowledged.set(key, Math.max(version, this.#acknowledged.get(key) ?? 0));
  }

  /** A write was answered as surely not done. */
  refused(write: number): void {
    this.#refused.add(`t${write}`);
    const applied = this.#ofWrite.get(write);
    if (applied !== undefined) throw new Violation(4, `write ${write} was refused although it was applied`);
  }

  /** The watermark that later reads of a replica may not go below. */
  floorOf(replica: string, namespace: string): number {
    return this.#ofReplica.get(`${replica} ${namespace}`) ?? 0;
  }

  query(
    step: number,
    replica: string,
    watermark: number | undefined,
    floor: number,
    served: Served,
    rows: readonly ShownRow[],
  ): void {
    this.reads += 1;
    this.#checkRefused(step, rows);
    if (watermark === undefined) {
      if (floor > 0) throw new Violation(3, `query ${step} on ${replica} has no watermark, after ${floor}`);
      return;
    }
    const { namespace } = served;
    if (watermark < floor)
      throw new Violation(3, `query ${step} on ${replica} is at ${watermark}, after one at ${floor}`);
    const key = `${replica} ${namespace}`;
    this.#ofReplica.set(key, Math.max(watermark, this.#ofReplica.get(key) ?? 0));
    this.#answered.set(namespace, Math.max(watermark, this.#answered.get(namespace) ?? 0));
    if (served.isFiltered) {
      this.filteredReads += 1;
      for (const row of rows)
        if (typeof row[STAMP] === "number" && row[STAMP] > watermark)
          throw new Violation(1, `query ${step} at ${watermark} shows ${row.id} stamped ${row[STAMP]}`);
    }
    const shown = new Map(rows.map((row) => [row.id, row]));
    for (const row of served.rows.values()) {
      if (row.stamp === undefined || row.stamp > watermark || !served.isWanted(row)) continue;
      if (shown.get(row.id)?.[STAMP] !== row.stamp)
        throw new Violation(2, `query ${step} at ${watermark} does not show ${row.id} stamped ${row.stamp}`);
    }
  }

  /**
   * What a fetch that begins now owes: the newest acknowledged version of each id.
   * @param wokeAt when its replica was paused last; until it has made up for a poll it may not know of writes around it
   */
  owed(namespace: string, ids: readonly string[], now: number, wokeAt: number): number[] {
    const isAwake = now >= wokeAt + OVERDUE_POLL_MS;
    return ids.map((id) => {
      const key = `${namespace}/${id}`;
      const around = (this.#around.get(key) ?? []).filter(
        (write) => isAwake && write.at + AROUND_MS <= now && !this.#isMistakable(write),
      );
      return Math.max(this.#acknowledged.get(key) ?? 0, ...around.map(({ version }) => version));
    });
  }

  fetched(
    step: number,
    namespace: string,
    id: string,
    owed: number,
    attributes: Readonly<Record<string, unknown>> | undefined,
  ): void {
    if (attributes !== undefined) this.#checkRefused(step, [{ id, ...attributes }]);
    const versions = this.#versions.get(`${namespace}/${id}`) ?? [{ at: 0, row: undefined }];
    const shown = canonical(attributes);
    const matches = versions.flatMap(({ row }, version) =>
      canonical(row?.attributes) === shown ? [version] : [],
    );
    const newest = matches.at(-1);
    if (newest === undefined)
      throw new Violation(5, `fetch ${step} of ${namespace}/${id} shows ${shown}, which was never there`);
    if (newest < owed)
      throw new Violation(
        5,
        `fetch ${step} of ${namespace}/${id} shows version ${newest} (${shown}), version ${owed} (${canonical(versions[owed]?.row?.attributes)}) was acknowledged before`,
      );
  }

  #checkRefused(step: number, rows: readonly ShownRow[]): void {
    for (const row of rows)
      for (const value of [row.token, row.extra, row.mark])
        if (typeof value === "string" && this.#refused.has(value))
          throw new Violation(4, `step ${step} shows ${row.id} with ${value}, which was refused`);
  }
}

function canonical(attributes: Readonly<Record<string, unknown>> | undefined): string {
  if (attributes === undefined) return "nothing";
  return JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}
