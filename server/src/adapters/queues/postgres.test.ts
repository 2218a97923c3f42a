/** The PostgreSQL queue against the contract on a real server, and what happens when that server goes away. */

import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findPostgres, type PostgresServer, startPostgres } from "../../../test/postgres-server.js";
import { describeQueueStore } from "../../ports/queue-store.contract.js";
import type { QueueStore } from "../../ports/queue-store.js";
import { PackageMissing } from "../optional-package.js";
import { openPostgresQueueStore, type PostgresQueueStoreOptions } from "./postgres.js";
import { SCHEMA_VERSION } from "./postgres-schema.js";

const found = findPostgres();
const reason = "reason" in found ? ` (missing: ${found.reason})` : "";
const log = { warn: () => undefined };
const claim = { worker: "w1", stage: "pending", claimStage: "embedding", limit: 100, leaseMs: 60_000 };

describe.skipIf("reason" in found)(`with a real PostgreSQL${reason}`, () => {
  let server: PostgresServer;
  const opened: QueueStore[] = [];
  beforeAll(async () => {
    if (!("reason" in found)) server = await startPostgres(found);
  });
  afterAll(async () => {
    for (const store of opened) await store.close();
    await server?.stop();
  });

  async function start(
    database: string,
    fields: Partial<PostgresQueueStoreOptions> = {},
  ): Promise<QueueStore> {
    const store = await openPostgresQueueStore({ url: await server.url(database), log, ...fields });
    opened.push(store);
    return store;
  }

  describeQueueStore("PostgreSQL queue store", async () => ({
    open: () => start("contract"),
    leaseMs: 400,
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    dispose: async () => undefined,
  }));

  it("brings the tables up to date once when replicas start together", async () => {
    const url = await server.url("migrated");
    await Promise.all(Array.from({ length: 4 }, () => start("migrated")));
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query("select version from layer_queue_migrations order by version");
    await client.end();
    expect(rows).toEqual(Array.from({ length: SCHEMA_VERSION }, (_, index) => ({ version: index + 1 })));
  });

  it("removes the rows of a purged queue", async () => {
    const store = await start("purged");
    await store.create("q", Buffer.from("settings"));
    await store.enqueue(
      "q",
      Array.from({ length: 7_000 }, (_, index) => `d${index}`),
      "pending",
    );
    await store.purge("q");
    const client = new pg.Client({ connectionString: await server.url("purged") });
    await client.connect();
    const left = async (): Promise<unknown> =>
      (
        await client.query(
          "select (select count(*) from layer_queue_items) as items, (select count(*) from layer_queue_dropped) as dropped",
        )
      ).rows[0];
    await expect.poll(left).toEqual({ items: "0", dropped: "0" });
    await client.end();
  });

  it("settles calls that cross on the same ids, without deadlocks", async () => {
    const store = await start("crossing");
    await store.create("q", Buffer.from("settings"));
    const ids = Array.from({ length: 500 }, (_, index) => `d${index}`);
    const started = performance.now();
    await Promise.all(
      Array.from({ length: 12 }, (_, round) => {
        const crossing = round % 2 ? ids : ids.toReversed();
        return round % 3
          ? store.enqueue("q", crossing, "pending")
          : store.move("q", { ids: crossing, to: "failed" });
      }),
    );
    // PostgreSQL takes a second to see a deadlock; unordered writes met ten of them here.
    expect(performance.now() - started).toBeLessThan(5_000);
    const { stages } = await store.counts("q");
    expect((stages.pending ?? 0) + (stages.failed ?? 0)).toBe(500);
  });

  it("gives up on a lock within its time and says so", async () => {
    const store = await start("locked", { statementTimeoutMs: 300 });
    await store.create("q", Buffer.from("settings"));
    const client = new pg.Client({ connectionString: await server.url("locked") });
    await client.connect();
    await client.query("begin");
    await client.query("lock table layer_queue_items");
    await expect(store.enqueue("q", ["a"], "pending")).rejects.toMatchObject({
      name: "QueueStoreError",
      reason: "timeout",
      outcomeUnknown: false,
    });
    await client.query("rollback");
    await client.end();
    expect(await store.enqueue("q", ["a"], "pending")).toHaveLength(1);
  });

  it("claims past items that another transaction is about to decide on, without waiting for it", async () => {
    const store = await start("skipped", { statementTimeoutMs: 5_000 });
    await store.create("q", Buffer.from("settings"));
    await store.enqueue("q", ["a", "b", "c"], "pending");
    const client = new pg.Client({ connectionString: await server.url("skipped") });
    await client.connect();
    try {
      await client.query("begin");
      await client.query("select from layer_queue_items where id = 'a' for update");
      const request = { stage: "pending", claimStage: "busy", worker: "w", leaseMs: 60_000, limit: 2 };
      expect((await store.claim("q", request)).map(({ id }) => id)).toEqual(["b", "c"]);
      await client.query("rollback");
      expect((await store.claim("q", request)).map(({ id }) => id)).toEqual(["a"]);
    } finally {
      await client.end();
    }
  });

  it.skipIf("url" in found)(
    "keeps what it acknowledged, and serves again, after the server was killed",
    async () => {
      const store = await start("killed", { connectTimeoutMs: 1_000 });
      await store.create("q", Buffer.from("settings"));
      await store.enqueue("q", ["a", "b"], "pending");
      await store.claim("q", { ...claim, limit: 1 });
      await server.kill();
      await expect(store.claim("q", claim)).rejects.toMatchObject({
        name: "QueueStoreError",
        reason: "unavailable",
      });
      await expect(store.ping()).rejects.toMatchObject({ reason: "unavailable" });
      await server.start();
      expect((await store.claim("q", claim)).map((item) => item.id)).toEqual(["b"]);
      expect((await store.counts("q")).leased).toBe(2);
    },
  );

  it("says that the database does not exist, without the password", async () => {
    const url = (await server.url("postgres_again"))
      .replace("layer@", "layer:hush@")
      .replace("postgres_again", "nowhere");
    await expect(openPostgresQueueStore({ url, log })).rejects.toMatchObject({
      reason: "denied",
      message: "queue migrate: the database of DATABASE_URL does not exist",
    });
  });
});

it("says that nobody listens", async () => {
  await expect(openPostgresQueueStore({ url: "postgres://u:hush@127.0.0.1:9/d", log })).rejects.toMatchObject(
    {
      reason: "unavailable",
      message: "queue migrate: PostgreSQL is not reachable or failed (ECONNREFUSED)",
    },
  );
});

it("says which package to install when it is missing", async () => {
  const load = () => import("not-installed-here" as string) as Promise<typeof import("pg")>;
  const missing = openPostgresQueueStore({ url: "postgres://u@127.0.0.1/d", log, load });
  await expect(missing).rejects.toThrow(PackageMissing);
  await expect(missing).rejects.toThrow(
    "DATABASE_URL is set but the package pg is not installed: npm install pg@8",
  );
});
