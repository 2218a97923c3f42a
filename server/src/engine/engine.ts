/**
 * The engine: namespaces by name over one store, and one method per operation of the wire. Bodies come in as parsed JSON
 * and answers go out as printable values; HTTP lives next door. All work is synchronous on the caller's thread: run it
 * where a scan of some tens of milliseconds blocks nobody else.
 */

import { randomUUID } from "node:crypto";
import { getHeapStatistics } from "node:v8";
import { queryBilling, queryPerformance, writeBilling, writePerformance } from "./accounting.js";
import { compareText } from "./compare.js";
import { badRequest, EngineError, namespaceNotFound } from "./errors.js";
import type { Json, Printable } from "./json.js";
import { type AdjustableLimits, DEFAULT_ADJUSTABLE_LIMITS, LIMITS } from "./limits.js";
import { TableMemory } from "./memory.js";
import { patchRecord, printMetadata, unindexedShare } from "./metadata.js";
import { durably, Namespace, type Storage } from "./namespace.js";
import { Operations } from "./operations.js";
import { explain } from "./query/explain.js";
import { exportPage } from "./query/export.js";
import { runMultiQuery } from "./query/multi-query.js";
import { bindQuery, runQuery, type Snapshot } from "./query/query.js";
import { evaluateRecall } from "./query/recall.js";
import { checkConsistency, readBody } from "./request-fields.js";
import { LANGUAGES_WITHOUT_STEMMER } from "./schema/languages.js";
import { EMPTY_SCHEMA, printSchema } from "./schema/schema.js";
import { StepBudget } from "./step-budget.js";
import type { NamespaceRecord } from "./store/namespace-record.js";
import { Snapshots } from "./store/snapshots.js";
import { FORMAT_VERSION, Store } from "./store/store.js";
import { TableSaver } from "./table-saver.js";
import { checkQueryWork } from "./work.js";
import { carriesDocuments, declaresId, planWrite, printOutcome, type WriteOutcome } from "./write/plan.js";
import { readWrite, type WriteRequest } from "./write/request.js";
import { workingBytes } from "./write/working-bytes.js";

export interface EngineOptions {
  /** Directory of the store; created when missing. One process at a time may use it. */
  dataDirectory: string;
  limits?: Partial<AdjustableLimits>;
  /** Milliseconds since the epoch; the system's clock by default. */
  now?: () => number;
  /**
   * For tests of callers that wait for indexing: how long after a write metadata says `updating`, with fewer unindexed
   * bytes from call to call. 0 by default. Queries see every write at once all the same.
   */
  indexLagMs?: number;
  /**
   * The heap's limit in bytes; Node's own by default. A namespace may take six tenths of it, all that are in memory
   * together too: those used longest ago are read again when they are asked for.
   */
  heapBytes?: number;
  /** A name never given before, of saved tables' files and of this run; random by default. */
  newToken?: () => string;
  /** Told what an operator may want to know and nobody need act on, in one line. */
  notice?: (message: string) => void;
}

export interface ListOptions {
  /** Plain prefix of names. */
  prefix?: string;
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** Names a page, 1..1000, 100 by default. */
  pageSize?: number;
}

type Answer = Record<string, Printable>;

const NAME = /^[A-Za-z0-9\-_.]+$/;

/** Checks a namespace name as the path carries it. Throws the wire's plain-text 400. */
export function checkNamespaceName(name: string): void {
  if (!NAME.test(name)) {
    throw badRequest("Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]", {
      plainText: true,
    });
  }
  if (name.length > LIMITS.namespaceNameChars) {
    throw badRequest(
      `Invalid URL: Namespace \`${name}\` is too long, limit is currently ${LIMITS.namespaceNameChars} characters`,
      { plainText: true },
    );
  }
}

export class Engine {
  private readonly namespaces = new Map<string, Namespace>();
  private readonly operations = new Operations();
  private readonly limits: AdjustableLimits;
  private readonly now: () => number;
  private readonly indexLagMs: number;
  private readonly storage: Storage;
  /** Tells this run from others, in cursors that do not outlive it. */
  private readonly startToken: string;
  private readonly saver: TableSaver;

  private constructor(
    private readonly store: Store,
    options: EngineOptions,
  ) {
    const { newToken = randomUUID, notice = () => {} } = options;
    const snapshots = new Snapshots(options.dataDirectory, store, newToken, notice);
    const memory = new TableMemory(options.heapBytes ?? getHeapStatistics().heap_size_limit);
    this.storage = { store, snapshots, memory };
    this.startToken = newToken();
    this.limits = { ...DEFAULT_ADJUSTABLE_LIMITS, ...options.limits };
    this.now = options.now ?? Date.now;
    this.indexLagMs = options.indexLagMs ?? 0;
    for (const record of store.namespaces())
      this.namespaces.set(record.name, new Namespace(this.storage, record, false));
    this.saver = new TableSaver({ namespaces: this.namespaces, now: this.now, notice });
  }

  /** Opens the data directory. Throws when it cannot be used; documents are read when first asked for. */
  static open(options: EngineOptions): Engine {
    return new Engine(Store.open(options.dataDirectory), options);
  }

  /** E1: upserts, patches, deletes, schema changes, copy and branch. Durable when it returns. */
  write(name: string, body: Json): Answer {
    const started = performance.now();
    checkNamespaceName(name);
    const request = readWrite(body);
    const source = request.copyFrom ?? request.branchFrom;
    if (source !== null) return this.copy(name, source, request.branchFrom !== null, started);
    const existing = this.namespaces.get(name);
    if (existing === undefined) this.requireCreation(name, request);
    if (existing?.record.readOnly === true) throw readOnlyError(name);
    const namespace = existing ?? new Namespace(this.storage, this.newRecord(name), true);
    try {
      const bytesBefore = namespace.table.logicalBytes;
      const outcome = this.plannedAndApplied(namespace, request, existing === undefined);
      this.namespaces.set(name, namespace);
      return {
        ...printOutcome(outcome, request.returnAffectedIds),
        billing: writeBilling(outcome.bytesWritten, outcome.queried ? bytesBefore : null),
        performance: writePerformance(started),
      };
    } finally {
      if (this.namespaces.get(name) !== namespace) this.storage.memory.forget(namespace);
    }
  }

  private plannedAndApplied(namespace: Namespace, request: WriteRequest, isNew: boolean): WriteOutcome {
    namespace.admitWrite(workingBytes(request));
    const before = { schema: isNew ? null : namespace.record.schema, table: namespace.table };
    const plan = planWrite(before, request, this.limits);
    const changesData = plan.changes.size > 0;
    const changesSchema =
      request.schema !== undefined || plan.schema.attributes.size !== before.schema?.attributes.size;
    if (isNew || changesData || changesSchema) {
      const at = this.now();
      const times = { updatedAt: at, ...(changesData ? { lastWriteAt: at } : {}) };
      namespace.apply({ ...namespace.record, schema: plan.schema, ...times }, plan.changes);
    }
    return plan.outcome;
  }

  private requireCreation(name: string, request: WriteRequest): void {
    if (request.createNamespace === false) throw namespaceNotFound(name);
    if (carriesDocuments(request)) return;
    if (request.createNamespace !== true) throw namespaceNotFound(name);
    if (!declaresId(request.schema)) {
      throw badRequest("create_namespace without documents requires schema.id to give the ID type");
    }
  }

  private newRecord(name: string): NamespaceRecord {
    const at = this.now();
    return {
      name,
      number: this.store.nextNumber(),
      commit: 0,
      heapBytes: 0,
      schema: EMPTY_SCHEMA,
      createdAt: at,
      updatedAt: at,
      lastWriteAt: at,
      parent: null,
      pinnedReplicas: null,
      readOnly: false,
    };
  }

  private copy(name: string, sourceName: string, isBranch: boolean, started: number): Answer {
    const source = this.find(sourceName);
    const existing = this.namespaces.get(name);
    if (existing !== undefined && (existing.table.rowCount > 0 || existing === source)) {
      throw badRequest("destination namespace already exists");
    }
    const record = {
      ...this.newRecord(name),
      schema: source.record.schema,
      heapBytes: source.record.heapBytes,
      parent: isBranch ? sourceName : null,
    };
    const replaced = existing?.record ?? null;
    const saved = replaced === null ? undefined : this.store.savedTable(replaced.number);
    durably(() => this.store.commitCopy(record, source.record, replaced));
    this.storage.snapshots.discard(saved);
    if (existing !== undefined) this.storage.memory.forget(existing);
    this.namespaces.set(name, new Namespace(this.storage, record, false));
    return {
      status: "OK",
      message: "namespace cloned successfully",
      rows_affected: source.table.rowCount,
      billing: writeBilling(source.table.logicalBytes, null),
      performance: writePerformance(started),
    };
  }

  /** E12: a copy, whose result waits under the returned token. */
  startCopy(name: string, body: Json): Answer {
    checkNamespaceName(name);
    if (readWrite(body).copyFrom === null) throw badRequest("async writes require copy_from_namespace");
    return { token: this.operations.run(name, () => this.write(name, body), this.now) };
  }

  /** E13. */
  operation(name: string, token: string): Answer {
    checkNamespaceName(name);
    return this.operations.poll(name, token);
  }

  /** E2: one query, or several when the body has `queries`. */
  query(name: string, body: Json): Answer {
    const started = performance.now();
    const snapshot = this.snapshot(name);
    const request = readBody(body);
    checkConsistency(request);
    checkQueryWork(request, snapshot.table.rowCount);
    const steps = new StepBudget(this.limits.steps);
    const outcome =
      request.queries === undefined || request.queries === null
        ? runQuery(bindQuery(request, snapshot.schema, steps), snapshot.table)
        : runMultiQuery(request, snapshot, steps);
    return {
      ...("results" in outcome ? { results: outcome.results } : outcome.result),
      billing: queryBilling(snapshot.table.logicalBytes, outcome.returnedBytes),
      performance: queryPerformance(started, snapshot.table.rowCount),
    };
  }

  /** E3: what a query would do, in words. */
  explain(name: string, body: Json): Answer {
    const { schema, table } = this.snapshot(name);
    const request = readBody(body);
    checkQueryWork(request, table.rowCount);
    return { plan_text: explain(bindQuery(request, schema, new StepBudget(this.limits.steps)), table) };
  }

  /** E10: recall is 1 by construction; the counts and the ground truth are real. */
  recall(name: string, body: Json): Answer {
    const snapshot = this.snapshot(name);
    const request = readBody(body);
    checkQueryWork(request, snapshot.table.rowCount);
    return evaluateRecall(request, snapshot, new StepBudget(this.limits.steps));
  }

  private snapshot(name: string): Snapshot {
    const namespace = this.find(name);
    return { schema: namespace.record.schema, table: namespace.table };
  }

  /** E14: pages of columns, for clients of old; `cursor` is the `next_cursor` of the page before. */
  export(name: string, cursor: string | null): Answer {
    const namespace = this.find(name);
    const { record, table } = namespace;
    const numbering = `${this.startToken}/${record.number}/${table.renumbered}`;
    return exportPage({ schema: record.schema, table }, cursor, numbering);
  }

  /** Namespaces whose documents are in memory. */
  get tablesInMemory(): number {
    return this.storage.memory.count;
  }

  /** What the engine says about itself. */
  health(): Answer {
    return {
      status: "ok",
      format: FORMAT_VERSION,
      namespaces: this.namespaces.size,
      languages_without_stemmer: LANGUAGES_WITHOUT_STEMMER,
    };
  }

  /** E4: the namespace, its schema and its documents. */
  delete(name: string): Answer {
    const namespace = this.find(name);
    const { record } = namespace;
    if (record.readOnly) throw readOnlyError(name);
    const saved = this.store.savedTable(record.number);
    durably(() => this.store.remove(record));
    this.storage.snapshots.discard(saved);
    this.storage.memory.forget(namespace);
    this.namespaces.delete(name);
    return { status: "OK" };
  }

  /** E5, E5b: `legacy` prints the encryption member as the older path does. */
  metadata(name: string, legacy: boolean): Answer {
    return this.printMetadata(this.find(name), legacy);
  }

  private printMetadata({ record, table }: Namespace, legacy: boolean): Answer {
    const unindexed = unindexedShare(record, this.now(), this.indexLagMs);
    return printMetadata(record, table, { legacy, unindexed });
  }

  /** E6: pinning and read_only. */
  updateMetadata(name: string, body: Json): Answer {
    const namespace = this.find(name);
    const record = patchRecord(namespace.record, readBody(body));
    namespace.apply({ ...record, updatedAt: this.now() }, new Map());
    return this.printMetadata(namespace, true);
  }

  /** E7. */
  schema(name: string): Answer {
    return printSchema(this.find(name).record.schema);
  }

  /** E8: the body is the bare map of attributes. */
  updateSchema(name: string, body: Json): Answer {
    this.find(name);
    this.write(name, { schema: readBody(body) });
    return this.schema(name);
  }

  /** E9: everything is in memory once touched, so touching it is the warming. */
  hintCacheWarm(name: string): Answer {
    void this.find(name).table;
    return { status: "ACCEPTED", message: "cache warm hint accepted" };
  }

  /** E11: names in byte order; a cursor is the last name of its page. */
  list(options: ListOptions): Answer {
    const { prefix = "", pageSize = 100 } = options;
    if (pageSize < 1 || pageSize > LIMITS.listPageRows) {
      throw badRequest(`Page size must be in range 1..=${LIMITS.listPageRows}, was ${pageSize}`);
    }
    const after = options.cursor === undefined ? null : decodeCursor(options.cursor);
    const names = [...this.namespaces.keys()]
      .filter((name) => name.startsWith(prefix) && (after === null || compareText(name, after) > 0))
      .sort(compareText);
    const page = names.slice(0, pageSize);
    const last = page.at(-1);
    return {
      namespaces: page.map((id) => ({ id })),
      next_cursor: names.length > pageSize && last !== undefined ? encodeCursor(last) : null,
    };
  }

  private find(name: string): Namespace {
    checkNamespaceName(name);
    const namespace = this.namespaces.get(name);
    if (namespace === undefined) throw namespaceNotFound(name);
    return namespace;
  }

  /**
   * Does some milliseconds of the work that makes the next start quick, for namespaces that have not been written for
   * `idleMs`; of work that takes longer than `stepMs`, the smallest part there is. Call it between requests; it returns
   * whether there is more to do at once.
   */
  tidy(idleMs: number, stepMs?: number): boolean {
    return this.saver.step(idleMs, stepMs);
  }

  /** Saves what is due within `saveMs` (2,000 by default), then closes the store. Everything acknowledged is on disk already. */
  async close({ saveMs = 2_000 }: { saveMs?: number } = {}): Promise<void> {
    const until = performance.now() + saveMs;
    while (performance.now() < until && this.saver.step(0));
    this.saver.end();
    await this.store.close();
  }
}

function readOnlyError(name: string): EngineError {
  return new EngineError(403, `namespace '${name}' is read-only`);
}

function encodeCursor(name: string): string {
  return Buffer.from(name).toString("base64url");
}

function decodeCursor(cursor: string): string {
  const name = Buffer.from(cursor, "base64url").toString("utf8");
  if (!NAME.test(name) || encodeCursor(name) !== cursor) throw badRequest("invalid cursor");
  return name;
}
