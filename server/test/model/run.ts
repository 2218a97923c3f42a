/** Runs a history against replicas and says which promise was broken first. */

import { AppError } from "../../src/errors.js";
import type { BlobStore } from "../../src/ports/blob-store.js";
import type { DocumentCache } from "../../src/ports/document-cache.js";
import type { Upstream, UpstreamRequest } from "../../src/ports/upstream.js";
import { Node, SimulatedStore, Simulation } from "../simulation.js";
import { fateOf, randomOf, type Step } from "./history.js";
import { Judge, type Served, type ShownRow, Violation } from "./judge.js";
import { ModelCache } from "./model-cache.js";
import { type Filter, matches, type QueryBody } from "./model-queries.js";
import { type Fate, ModelUpstream } from "./model-upstream.js";
import { STAMP, type WriteBody } from "./model-writes.js";

/** One replica, built of the gateway's own parts. Calls reject with `AppError` or resolve with an answer. */
export interface ReplicaUnderTest {
  write(requestId: string, namespace: string, body: WriteBody): Promise<{ status: number }>;
  query(
    requestId: string,
    namespace: string,
    body: Record<string, unknown>,
  ): Promise<{ status: number; watermark: number | undefined; rows: readonly ShownRow[] }>;
  fetch(
    requestId: string,
    namespace: string,
    ids: readonly string[],
  ): Promise<{ status: number; cache: string; documents: ReadonlyMap<string, Record<string, unknown>> }>;
  /** What the gateway does by itself, and how often. */
  readonly loops: readonly { readonly everyMs: number; run(): Promise<void> }[];
}

export interface ReplicaParts {
  readonly id: string;
  readonly node: Node;
  readonly upstream: Upstream;
  /** Undefined for the only replica. */
  readonly blobs: BlobStore | undefined;
  readonly cache: DocumentCache | undefined;
  readonly random: () => number;
}

export interface RunOptions {
  readonly replicas: number;
  readonly isSole: boolean;
  readonly cache: boolean;
  readonly seed: number;
  readonly createReplica: (parts: ReplicaParts) => ReplicaUnderTest;
}

export interface RunResult {
  readonly violation: Violation | undefined;
  readonly reads: number;
  readonly filteredReads: number;
  readonly fetches: number;
  readonly hits: number;
  readonly applied: number;
}

/** The write deadline of the model: what the adapter gives a request. */
export const DEADLINE_MS = 10_000;

interface Place {
  node: Node;
  replica: ReplicaUnderTest;
  lives: number;
}

export async function runHistory(history: readonly Step[], options: RunOptions): Promise<RunResult> {
  const run = new Run(history, options);
  return run.result();
}

class Run {
  readonly #simulation: Simulation;
  readonly #history: readonly Step[];
  readonly #options: RunOptions;
  readonly #store: SimulatedStore;
  readonly #upstream: ModelUpstream;
  readonly #cache: ModelCache;
  readonly #judge = new Judge();
  readonly #served = new Map<number, Served>();
  readonly #luck = new Map<number, () => number>();
  readonly #places: Place[] = [];
  #violation: Violation | undefined;
  #fetches = 0;
  #hits = 0;
  #applied = 0;

  constructor(history: readonly Step[], options: RunOptions) {
    this.#history = history;
    this.#options = options;
    this.#simulation = new Simulation(options.seed);
    const { between } = this.#simulation;
    this.#store = new SimulatedStore(this.#simulation, {
      latency: () => between.call(this.#simulation, 1, 10),
      lost: 0,
      conflict: 0,
    });
    this.#upstream = new ModelUpstream(this.#simulation, (request) => this.#fate(request));
    this.#upstream.onApplied = (applied, request) =>
      this.#guard(() => {
        this.#applied += 1;
        this.#judge.applied(applied, request === undefined ? undefined : stepOf(request));
      });
    this.#upstream.onMetadata = (namespace, lastWriteAt) =>
      this.#judge.told(namespace, lastWriteAt, this.#simulation.now);
    this.#upstream.onQuery = (namespace, rows, body, request) =>
      this.#noteServed(namespace, rows, body, request);
    this.#cache = new ModelCache(this.#simulation);
  }

  async result(): Promise<RunResult> {
    for (let index = 0; index < this.#options.replicas; index += 1) this.#places.push(this.#start(index, 0));
    for (const step of this.#history) this.#simulation.at(step.at, () => this.#take(step));
    const end = (this.#history.at(-1)?.at ?? 0) + 5_000;
    // In slices, so that a broken promise ends the run.
    for (let now = 0; now < end && this.#violation === undefined; now += 1_000)
      await this.#simulation.runUntil(Math.min(end, now + 1_000));
    return {
      violation: this.#violation,
      reads: this.#judge.reads,
      filteredReads: this.#judge.filteredReads,
      fetches: this.#fetches,
      hits: this.#hits,
      applied: this.#applied,
    };
  }

  #start(index: number, lives: number): Place {
    const id = `r${index}-${lives}`;
    const random = randomOf(this.#options.seed * 31 + index * 7 + lives);
    const node = new Node(this.#simulation, id, { wallMs: (random() - 0.5) * 200, rate: 1 });
    const replica = this.#options.createReplica({
      id,
      node,
      upstream: this.#upstream.from(node, DEADLINE_MS),
      blobs: this.#options.isSole ? undefined : this.#store.from(node),
      cache: this.#options.cache ? this.#cache.from(node) : undefined,
      random,
    });
    for (const loop of replica.loops) {
      const again = () => {
        const turn = (): void => {
          loop.run().then(again, again);
        };
        node.at(this.#simulation.now + loop.everyMs * (0.9 + random() * 0.2), turn);
      };
      again();
    }
    return { node, replica, lives };
  }

  #take(step: Step): void {
    const place = this.#places[step.replica % this.#places.length] as Place;
    switch (step.kind) {
      case "around":
        this.#upstream.writeAround(step.namespace, step.body);
        return;
      case "pause":
        place.node.pause(step.ms, step.freezesClock);
        return;
      case "clock":
        place.node.setWall(step.ms);
        return;
      case "kill":
        if (place.node.isDead) return;
        place.node.isDead = true;
        this.#simulation.at(this.#simulation.now + step.backAfterMs, () => {
          this.#places[step.replica % this.#places.length] = this.#start(
            step.replica % this.#places.length,
            place.lives + 1,
          );
        });
        return;
      case "store":
        this.#store.faults = {
          latency: () => this.#simulation.between(1, step.slowMs),
          lost: step.lost,
          conflict: step.conflict,
        };
        return;
      case "cache":
        this.#cache.fail(step.fault);
        return;
      default:
        place.node.at(this.#simulation.now, () => {
          this.#call(step, place).catch((error: unknown) => this.#caught(error));
        });
    }
  }

  async #call(step: Step & { kind: "write" | "query" | "fetch" }, { node, replica }: Place): Promise<void> {
    const requestId = `s${step.id}`;
    if (step.kind === "write") {
      const answered = this.#judge.writing(step.namespace, this.#simulation.now);
      const status = await statusOf(replica.write(requestId, step.namespace, step.body));
      answered(this.#simulation.now);
      if (status === 200) this.#judge.acknowledged(step.id);
      else if (status !== 500 && status !== 504) this.#judge.refused(step.id);
      return;
    }
    if (step.kind === "fetch") {
      this.#fetches += 1;
      const owed = this.#judge.owed(step.namespace, step.ids, this.#simulation.now, node.wokeAt);
      const answer = await orRefusal(replica.fetch(requestId, step.namespace, step.ids));
      if (answer?.status !== 200) return;
      if (answer.cache === "hit") this.#hits += 1;
      for (const [index, id] of step.ids.entries())
        this.#judge.fetched(step.id, step.namespace, id, owed[index] ?? 0, answer.documents.get(id));
      return;
    }
    const floor = this.#judge.floorOf(node.name, step.namespace);
    const answer = await orRefusal(replica.query(requestId, step.namespace, step.body));
    const served = this.#served.get(step.id);
    this.#served.delete(step.id);
    if (answer?.status !== 200 || served === undefined) return;
    const level = (step.body.consistency as { level?: string } | undefined)?.level;
    if (level === "eventual") return;
    this.#judge.query(step.id, node.name, answer.watermark, floor, served, answer.rows);
  }

  #fate(request: UpstreamRequest): Fate {
    const step = stepOf(request);
    if (step === undefined) return fateOf(this.#simulation.random);
    const random =
      this.#luck.get(step) ?? randomOf(this.#history.find(({ id }) => id === step)?.luck ?? step);
    this.#luck.set(step, random);
    return fateOf(random);
  }

  #noteServed(namespace: string, rows: Served["rows"], body: QueryBody, request: UpstreamRequest): void {
    const id = stepOf(request);
    const step = id === undefined ? undefined : this.#history.find((each) => each.id === id);
    if (id === undefined || step?.kind !== "query") return;
    const filters = step.body.filters as Filter | undefined;
    this.#served.set(id, {
      namespace,
      rows,
      isFiltered: JSON.stringify(body.filters ?? null).includes(STAMP),
      isWanted: (row) => matches(row, filters),
    });
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#caught(error);
    }
  }

  /** An error that no caller should ever see breaks the run like a broken promise. */
  #caught(error: unknown): void {
    const stack = error instanceof Error ? error.stack : String(error);
    this.#violation ??= error instanceof Violation ? error : new Violation(0, `unexpected: ${stack}`);
  }
}

/** The step whose request it is; undefined for the gateway's own. */
function stepOf(request: UpstreamRequest): number | undefined {
  const id = request.headers?.["x-request-id"];
  return typeof id === "string" && /^s\d+$/.test(id) ? Number(id.slice(1)) : undefined;
}

async function statusOf(call: Promise<{ status: number }>): Promise<number> {
  try {
    return (await call).status;
  } catch (error) {
    if (error instanceof AppError) return error.status;
    throw error;
  }
}

async function orRefusal<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
