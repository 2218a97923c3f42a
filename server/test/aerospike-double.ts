/**
 * An Aerospike cluster in memory, behind the surface of its client that the cache uses. It keeps to what was measured on a
 * real server: generations, existence conditions, merging puts, names cut at 63 bytes, the size limit, refused times to live;
 * and to what the server's source says: a replacing put that also removes a bin is refused.
 * The same contract runs against a real cluster wherever `AEROSPIKE_HOSTS` points; this one shows every error code.
 */

import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import type {
  AerospikeBins,
  AerospikeClient,
  AerospikeKey,
  AerospikeModule,
  AerospikeRecord,
  AerospikeScan,
} from "../src/adapters/documents/aerospike-client.js";

const policy = {
  gen: { IGNORE: 0, EQ: 1 },
  exists: { IGNORE: 0, CREATE: 1, UPDATE: 2, REPLACE: 3, CREATE_OR_REPLACE: 4 },
  key: { DIGEST: 0, SEND: 1 },
};
const ttl = { NAMESPACE_DEFAULT: 0, NEVER_EXPIRE: -1 };
const RECORD_BYTES_MAX = 1_048_576;
const SET_BYTES_MAX = 63;

interface Held {
  bins: Record<string, unknown>;
  gen: number;
  /** 0 = never. */
  expiresAt: number;
  key: AerospikeKey;
}

export class AerospikeFailure extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`failed at 10.0.0.7:3000 with ${code}`);
    this.code = code;
  }
}

export class AerospikeDouble {
  readonly records = new Map<string, Held>();
  /** False: the namespace has `nsup-period 0`. */
  expires = true;
  /** False: nobody listens. */
  isUp = true;
  /** Answers take this long; beyond a call's timeout it fails with code 9. */
  delayMs = 0;
  /** Calls that never answer at all, whatever their timeout. */
  hangs = false;
  evicted = 0;
  /** When its one server was started. */
  startedAt: number;
  build = "8.1.0.0";
  /** Settings of the namespace `layer` beside its counts. */
  readonly settings: Record<string, string> = { "nsup-period": "120", "storage-engine": "memory" };
  /** True: conditions are taken and ignored. */
  ignoresConditions = false;
  inFlight = 0;
  inFlightMax = 0;
  /** Commands that were sent, of any kind. */
  commands = 0;
  /** Codes the next commands of a kind fail with. */
  readonly failures: { command: string; code: number; times: number }[] = [];
  readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
    this.startedAt = now();
  }

  readonly module = (): AerospikeModule => {
    const Key = class implements AerospikeKey {
      constructor(
        readonly ns: string,
        readonly set: string,
        readonly key: string,
      ) {}
    };
    return {
      client: () => this.#client(),
      Key,
      setupGlobalCommandQueue: () => undefined,
      setDefaultLogging: () => undefined,
      releaseEventLoop: () => undefined,
      policy,
      ttl,
      log: { OFF: -1 },
    };
  };

  /** Makes the next `times` commands of a kind fail. */
  fail(command: string, code: number, times = 1): void {
    this.failures.push({ command, code, times });
  }

  #client(): AerospikeClient {
    return {
      connect: () => this.#answer("connect", {}, () => undefined, -10),
      close: () => undefined,
      get: (key, options) => this.#answer("get", options, () => this.#read(key)),
      put: (key, bins, meta, options) =>
        this.#answer("put", options, () => this.#put(key, bins, meta, options)),
      remove: (key, options) => this.#answer("remove", options, () => this.#remove(key, options)),
      batchRead: (requests, options) =>
        this.#answer("batchRead", options, () =>
          requests.map(({ key, bins }) => {
            const held = this.#held(key);
            // The client leaves out what a missing record does not have.
            if (held === undefined) return { status: 2, record: { key } as AerospikeRecord };
            const chosen = Object.fromEntries(
              Object.entries(held.bins).filter(([name]) => bins.includes(name)),
            );
            return { status: 0, record: { key, bins: chosen, gen: held.gen } };
          }),
        ),
      scan: (ns, set) => this.#scan(ns, set),
      infoAny: (request) => this.#answer("info", {}, () => this.#info(request)),
      infoAll: (request) =>
        this.#answer("info", {}, () => [{ host: { node_id: "BB9" }, info: this.#info(request) }]),
    };
  }

  #info(request: string): string {
    const counts = { objects: "1", evicted_objects: String(this.evicted), expired_objects: "3" };
    const settings = Object.entries({ ...counts, ...this.settings }).map((entry) => entry.join("="));
    const answers: Record<string, string> = {
      build: this.build,
      statistics: `cluster_size=1;uptime=${Math.floor((this.now() - this.startedAt) / 1_000)};failed=0`,
      namespaces: "test;layer",
      "namespace/layer": settings.join(";"),
    };
    return `${request}\t${answers[request] ?? "ERROR::unknown"}\n`;
  }

  async #answer<T>(command: string, options: object, run: () => T, downCode = -8): Promise<T> {
    this.commands += 1;
    this.inFlight += 1;
    this.inFlightMax = Math.max(this.inFlightMax, this.inFlight);
    try {
      const timeout = (options as { totalTimeout?: number }).totalTimeout ?? 1_000;
      if (this.hangs) await new Promise(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, Math.min(this.delayMs, timeout)));
      if (!this.isUp) throw new AerospikeFailure(downCode);
      if (this.delayMs > timeout) throw new AerospikeFailure(9);
      const failure = this.failures.find((each) => each.command === command && each.times > 0);
      if (failure) {
        failure.times -= 1;
        throw new AerospikeFailure(failure.code);
      }
      return run();
    } finally {
      this.inFlight -= 1;
    }
  }

  #held(key: AerospikeKey): Held | undefined {
    const held = this.records.get(address(key));
    return held && (held.expiresAt === 0 || held.expiresAt > this.now()) ? held : undefined;
  }

  #read(key: AerospikeKey): AerospikeRecord {
    const held = this.#held(key);
    if (held === undefined) throw new AerospikeFailure(2);
    return { key, bins: held.bins, gen: held.gen };
  }

  #put(key: AerospikeKey, bins: AerospikeBins, meta: object, options: object): void {
    const { gen, ttl: seconds = 0 } = meta as { gen?: number; ttl?: number };
    const {
      exists = 0,
      gen: check = 0,
      key: send = 0,
    } = options as { exists?: number; gen?: number; key?: number };
    if (Object.entries(bins).some(([name, value]) => name.length > 15 || value === undefined))
      throw new AerospikeFailure(-2);
    if (Object.keys(bins).length === 0) throw new AerospikeFailure(4);
    const replaces = exists === policy.exists.REPLACE || exists === policy.exists.CREATE_OR_REPLACE;
    if (replaces && Object.values(bins).includes(null)) throw new AerospikeFailure(4);
    if (seconds > 0 && !this.expires) throw new AerospikeFailure(22);
    const held = this.#held(key);
    if (held && exists === policy.exists.CREATE && !this.ignoresConditions) throw new AerospikeFailure(5);
    if (!held && (exists === policy.exists.UPDATE || exists === policy.exists.REPLACE))
      throw new AerospikeFailure(2);
    if (check === policy.gen.EQ && (held?.gen ?? 0) !== gen && !this.ignoresConditions)
      throw new AerospikeFailure(3);
    const merges = exists === policy.exists.UPDATE || exists === policy.exists.IGNORE;
    const next: Record<string, unknown> = { ...(merges ? held?.bins : {}), ...bins };
    for (const [name, value] of Object.entries(next)) if (value === null) delete next[name];
    const size = Object.values(next).reduce<number>(
      (total, value) => total + (Buffer.isBuffer(value) ? value.length : String(value).length),
      0,
    );
    if (size + 128 > RECORD_BYTES_MAX) throw new AerospikeFailure(13);
    this.records.set(address(key), {
      bins: next,
      gen: held === undefined || held.gen >= 65_535 ? 1 : held.gen + 1,
      expiresAt: seconds > 0 ? this.now() + seconds * 1_000 : 0,
      key: send === policy.key.SEND ? key : { ns: key.ns, set: key.set },
    });
  }

  #remove(key: AerospikeKey, options: object): void {
    const { gen, generation } = options as { gen?: number; generation?: number };
    const held = this.#held(key);
    if (held === undefined) throw new AerospikeFailure(2);
    if (gen === policy.gen.EQ && held.gen !== generation) throw new AerospikeFailure(3);
    this.records.delete(address(key));
  }

  #scan(ns: string, set: string): AerospikeScan {
    let bins: string[] = [];
    let range = { begin: 0, count: 4_096 };
    return {
      select: (names) => {
        bins = names;
      },
      partitions: (begin, count) => {
        range = { begin, count };
      },
      foreach: (options) => {
        const stream = Object.assign(new EventEmitter(), { abort: () => undefined });
        const found = [...this.records.values()].filter(
          (held) =>
            address({ ...held.key, ns, set, key: "" }) === address({ ...held.key, key: "" }) &&
            within(held, range),
        );
        this.#answer("scan", options, () => {
          for (const held of found) {
            if (held.expiresAt !== 0 && held.expiresAt <= this.now()) continue;
            const chosen = Object.fromEntries(
              Object.entries(held.bins).filter(([name]) => bins.includes(name)),
            );
            stream.emit("data", { key: held.key, bins: chosen, gen: held.gen });
          }
        }).then(
          () => stream.emit("end"),
          (error: unknown) => stream.emit("error", error),
        );
        return stream;
      },
    };
  }
}

/** As the server does: the set's name is cut without a word. */
function address(key: AerospikeKey): string {
  const set = Buffer.from(key.set).subarray(0, SET_BYTES_MAX).toString("latin1");
  return JSON.stringify([key.ns, set, key.key]);
}

function within(held: Held, range: { begin: number; count: number }): boolean {
  const digest = createHash("sha1").update(String(held.key.key)).digest();
  const partition = digest.readUInt16LE(0) & 0xfff;
  return partition >= range.begin && partition < range.begin + range.count;
}
