import { describe, expect, it } from "vitest";
import { createDepartedSeries } from "../adapters/metrics/departed-series.js";
import { createPrometheusMetrics } from "../adapters/metrics/prometheus.js";
import type { Series } from "../adapters/metrics/series.js";
import type { FromWorker, ToWorker } from "./messages.js";
import { type Channel, linkToPrimary } from "./worker-link.js";
import { createWorkerPool, type WorkerPoolOptions, type WorkerProcess } from "./worker-pool.js";

/** A process in name: messages go in and out by hand. */
class FakeProcess implements WorkerProcess {
  readonly pid = 1;
  readonly received: ToWorker[] = [];
  isKilled = false;
  hangs = false;
  #toPrimary: (message: unknown) => void = () => {};
  #toWorker: (message: unknown) => void = () => {};
  #exit: (code: number | null, signal: string | null) => void = () => {};

  send(message: ToWorker): void {
    this.received.push(message);
    this.#toWorker(message);
    if (message.type === "ping" && !this.hangs) this.say({ type: "pong" });
  }
  kill(): void {
    this.isKilled = true;
    this.die(null, "SIGKILL");
  }
  onMessage(listener: (message: unknown) => void): void {
    this.#toPrimary = listener;
  }
  onExit(listener: (code: number | null, signal: string | null) => void): void {
    this.#exit = listener;
  }
  say(message: FromWorker): void {
    this.#toPrimary(message);
  }
  die(code: number | null, signal: string | null = null): void {
    this.#exit(code, signal);
  }
  serve(url = "http://gateway"): this {
    this.say({ type: "hello" });
    this.say({ type: "ready", url });
    return this;
  }
  /** The worker's own end of the channel. */
  get channel(): Channel {
    return {
      send: (message) => this.say(message),
      onMessage: (listener) => {
        this.#toWorker = listener;
      },
    };
  }
}

function pool(options: Partial<WorkerPoolOptions> = {}) {
  let now = 0;
  const due: { at: number; run: () => void }[] = [];
  const timers = {
    after(ms: number, run: () => void) {
      const entry = { at: now + ms, run };
      due.push(entry);
      return () => void due.splice(due.indexOf(entry), due.includes(entry) ? 1 : 0);
    },
  };
  const processes: FakeProcess[] = [];
  const lines: [string, Record<string, unknown>][] = [];
  const write = (fields: Record<string, unknown>, text: string) => void lines.push([text, fields]);
  let restarts = 0;
  const created = createWorkerPool(
    {
      fork: () => {
        const process = new FakeProcess();
        processes.push(process);
        return process;
      },
      engineUrl: () => "http://engine",
      ownSeries: async () => series("layer_worker_restarts_total", restarts),
      departed: createDepartedSeries(),
      clock: { monotonic: () => now },
      timers,
      log: { info: write, warn: write, error: write } as never,
      onRestart: () => restarts++,
    },
    { count: 2, ...options },
  );
  const last = () => processes.at(-1) as FakeProcess;
  return {
    pool: created,
    processes,
    last,
    lines,
    restarts: () => restarts,
    async advance(ms: number) {
      now += ms;
      for (const entry of due.filter(({ at }) => at <= now)) {
        due.splice(due.indexOf(entry), 1);
        entry.run();
      }
      await settled();
    },
    async begun() {
      const started = created.start();
      processes[0]?.serve();
      await settled();
      for (const process of processes.slice(1)) process.serve();
      await started;
    },
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

const series = (name: string, value: number, type = "counter"): Series =>
  [{ name, help: "h", type, aggregator: "sum", values: [{ labels: {}, value }] }] as unknown as Series;

describe("a pool of workers", () => {
  it("begins the first alone and then the rest, and tells each who it is and where the engine is", async () => {
    const { pool: workers, processes } = pool({ count: 3 });
    const started = workers.start();
    expect(processes).toHaveLength(1);
    processes[0]?.serve("http://gateway:8080");
    await settled();
    expect(processes).toHaveLength(3);
    for (const process of processes.slice(1)) process.serve();
    expect(await started).toBe("http://gateway:8080");
    expect(processes.map(({ received }) => received)).toEqual(
      [1, 2, 3].map((worker) => [{ type: "begin", worker, of: 3, engineUrl: "http://engine" }]),
    );
    expect(workers.counts()).toEqual({ serving: 3, down: 0 });
  });

  it("does not start where a worker cannot, says why in its words, and leaves none running", async () => {
    const { pool: workers, processes } = pool();
    const started = workers.start();
    processes[0]?.say({ type: "failed", message: "PORT=80: this user may not listen there" });
    processes[0]?.die(1);
    await expect(started).rejects.toThrow(/^PORT=80: this user may not listen there$/);
    expect(processes).toHaveLength(1);
  });

  it("does not start where a worker dies without a word, or hangs", async () => {
    const dying = pool();
    const died = dying.pool.start();
    dying.last().die(139, "SIGSEGV");
    await expect(died).rejects.toThrow("worker 1 ended while starting (SIGSEGV)");

    const hanging = pool({ startTimeoutMs: 500 });
    const hung = hanging.pool.start();
    const rejection = expect(hung).rejects.toThrow("worker 1 did not listen within 500 ms");
    await hanging.advance(500);
    await rejection;
    expect(hanging.last().isKilled).toBe(true);
  });

  it("starts one that dies again, after pauses that grow up to a limit", async () => {
    const workers = pool({ restartDelayMs: 100, restartDelayMaxMs: 400 });
    await workers.begun();
    workers.processes[0]?.die(null, "SIGKILL");
    expect(workers.pool.counts()).toEqual({ serving: 1, down: 1 });
    const pauses: unknown[] = [];
    for (const pause of [100, 200, 400, 400]) {
      pauses.push(workers.lines.at(-1)?.[1].restart_in_ms);
      const before = workers.processes.length;
      await workers.advance(pause - 1);
      expect(workers.processes).toHaveLength(before);
      await workers.advance(1);
      expect(workers.processes).toHaveLength(before + 1);
      workers.last().serve();
      workers.last().die(1);
    }
    expect(pauses).toEqual([100, 200, 400, 400]);
    expect(workers.restarts()).toBe(4);
    expect(workers.lines.map(([text]) => text)).toContain("a worker died and is started again");
  });

  it("is quick again with one that has run for a while", async () => {
    const workers = pool({ restartDelayMs: 100, healthyRunMs: 30_000 });
    await workers.begun();
    workers.processes[0]?.die(1);
    await workers.advance(100);
    workers.last().serve();
    await workers.advance(30_000);
    workers.last().die(1);
    expect(workers.lines.at(-1)?.[1].restart_in_ms).toBe(100);
  });

  it("goes on where a restarted one cannot start, and says so", async () => {
    const workers = pool();
    await workers.begun();
    workers.processes[0]?.die(1);
    await workers.advance(100);
    workers.last().say({ type: "failed", message: "the object store is not reachable" });
    workers.last().die(1);
    await settled();
    expect(workers.lines).toContainEqual([
      "a worker cannot start",
      { worker: 1, detail: "the object store is not reachable" },
    ]);
    await workers.advance(200);
    workers.last().serve();
    expect(workers.pool.counts()).toEqual({ serving: 2, down: 0 });
  });

  it("ends one that gives no sign of life for a minute, and starts it again", async () => {
    const workers = pool({ pingIntervalMs: 10_000 });
    await workers.begun();
    const [first, second] = workers.processes;
    for (let tick = 0; tick < 20; tick += 1) await workers.advance(10_000);
    expect([first?.isKilled, second?.isKilled]).toEqual([false, false]);
    (second as FakeProcess).hangs = true;
    for (let tick = 0; tick < 6; tick += 1) await workers.advance(10_000);
    expect(second?.isKilled).toBe(false);
    await workers.advance(10_000);
    expect([first?.isKilled, second?.isKilled]).toEqual([false, true]);
    expect(workers.lines.map(([text]) => text)).toEqual([
      "a worker gives no sign of life and is ended",
      "a worker died and is started again",
    ]);
    await workers.advance(100);
    workers.last().serve();
    expect(workers.pool.counts()).toEqual({ serving: 2, down: 0 });
  });

  it("hears a worker that is there at the real end of the channel", async () => {
    const workers = pool({ count: 1, pingIntervalMs: 10_000 });
    const started = workers.pool.start();
    const [process] = workers.processes as [FakeProcess];
    process.hangs = true;
    const link = linkToPrimary(process.channel, { after: () => () => {} }, async () => series("up", 1));
    link.ready("http://gateway");
    await started;
    for (let tick = 0; tick < 20; tick += 1) await workers.advance(10_000);
    expect(process.received.filter(({ type }) => type === "ping").length).toBeGreaterThan(10);
    expect(process.isKilled).toBe(false);
  });

  it("takes none for hung because it has slept itself", async () => {
    const workers = pool({ pingIntervalMs: 10_000 });
    await workers.begun();
    for (const process of workers.processes) process.hangs = true;
    await workers.advance(10_000);
    await workers.advance(3_600_000);
    for (const process of workers.processes) process.hangs = false;
    for (let tick = 0; tick < 10; tick += 1) await workers.advance(10_000);
    expect(workers.processes.map(({ isKilled }) => isKilled)).toEqual([false, false]);
  });

  it("tells all where the engine listens now", async () => {
    const workers = pool();
    await workers.begun();
    workers.pool.engineMoved("http://engine:2");
    for (const process of workers.processes)
      expect(process.received.at(-1)).toEqual({ type: "engine", url: "http://engine:2" });
  });

  it("stops all, waits for them, and starts none again", async () => {
    const workers = pool();
    await workers.begun();
    const stopped = workers.pool.stop(1_000);
    for (const process of workers.processes) {
      expect(process.received.at(-1)).toEqual({ type: "stop" });
      process.die(0);
    }
    expect(await stopped).toBe(0);
    await workers.advance(60_000);
    expect(workers.processes).toHaveLength(2);
  });

  it("ends by force those that do not leave in time", async () => {
    const workers = pool();
    await workers.begun();
    const stopped = workers.pool.stop(1_000);
    workers.processes[0]?.die(0);
    await workers.advance(1_000);
    expect(await stopped).toBe(1);
    expect(workers.processes.map(({ isKilled }) => isKilled)).toEqual([false, true]);
  });
});

describe("the series of a pool", () => {
  /** A pool whose workers have real ends of the channel and count requests. */
  async function counted() {
    const workers = pool({ collectTimeoutMs: 100 });
    const started = workers.pool.start();
    const ends: ReturnType<typeof end>[] = [];
    const end = (process: FakeProcess) => {
      const link = linkToPrimary(process.channel, { after: () => () => {} }, () => metrics.collect());
      const metrics = createPrometheusMetrics(
        { monotonic: () => 0 },
        { process: false, collectOthers: () => link.collectOthers() },
      );
      link.ready("http://gateway");
      return { metrics, link, process };
    };
    ends.push(end(workers.processes[0] as FakeProcess));
    await settled();
    ends.push(end(workers.processes[1] as FakeProcess));
    await started;
    const [one, two] = ends as [ReturnType<typeof end>, ReturnType<typeof end>];
    const total = async ({ metrics }: typeof one) => {
      const line = /^layer_requests_total\{operation="x",status="200"\} (\d+)$/m;
      return Number(line.exec((await metrics.render(() => true)).text)?.[1]);
    };
    const count = ({ metrics }: typeof one, amount: number) =>
      metrics.add("layer_requests_total", { operation: "x", status: "200" }, amount);
    return { ...workers, one, two, total, count };
  }

  it("are those of all workers and of the process above, whichever is asked", async () => {
    const { one, two, total, count } = await counted();
    count(one, 3);
    count(two, 4);
    expect(await total(one)).toBe(7);
    expect(await total(two)).toBe(7);
    expect((await one.metrics.render(() => true)).text).toContain("layer_worker_restarts_total 0");
  });

  it("never fall when a worker dies, whoever was asked before", async () => {
    const { one, two, total, count, processes } = await counted();
    count(one, 3);
    count(two, 4);
    expect(await total(one)).toBe(7);
    processes[0]?.die(null, "SIGKILL");
    await settled();
    expect(await total(two)).toBe(7);
    count(two, 1);
    expect(await total(two)).toBe(8);
  });

  it("are refused as a whole when one worker does not answer", async () => {
    const { one, processes, advance } = await counted();
    processes[1]?.channel.onMessage(() => {});
    const rendered = expect(one.metrics.render(() => true)).rejects.toThrow(
      "did not give their series in time",
    );
    await settled();
    await advance(100);
    await rendered;
  });
});
