/** The S3 blob store against the contract on real S3-compatible servers, and through a network that fails. */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../../../test/fault-proxy.js";
import type { S3Server } from "../../../test/running-s3.js";
import { type S3ServerKind, s3ServerKinds } from "../../../test/s3-server.js";
import { describeBlobStore } from "../../ports/blob-store.contract.js";
import type { BlobPutOutcome, BlobStore } from "../../ports/blob-store.js";
import { probeConditionalWrites } from "./conditional-writes.js";
import { connectS3BlobStore, openS3BlobStore } from "./s3.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const etagOf = (outcome: BlobPutOutcome): string => (outcome.status === "stored" ? outcome.etag : "");

for (const kind of s3ServerKinds())
  describe.skipIf(kind.reason !== undefined)(
    `with ${kind.name}${kind.reason === undefined ? "" : ` (skipped: ${kind.reason})`}`,
    () => describeS3(kind),
  );

function describeS3({ checksSignatures, start }: S3ServerKind): void {
  let server: S3Server;
  beforeAll(async () => {
    server = await start("layer");
  });
  afterAll(() => server?.stop());

  describeBlobStore("S3 blob store", async () => {
    const opened: BlobStore[] = [];
    return {
      async open() {
        const store = await openS3BlobStore({
          bucket: "layer",
          endpoint: server.endpoint,
          credentials: server.credentials,
        });
        opened.push(store);
        return store;
      },
      async dispose() {
        for (const store of opened) await store.close();
      },
    };
  });

  describe("S3 blob store on a failing network", () => {
    let proxy: FaultProxy;
    let store: BlobStore;
    let key = 0;
    const nextKey = (): string => {
      key += 1;
      return `faults/${key}`;
    };

    beforeAll(async () => {
      proxy = await startFaultProxy(server.port);
      store = await connectS3BlobStore({
        bucket: "layer",
        endpoint: proxy.endpoint,
        credentials: server.credentials,
        timeoutMs: 8_000,
        idleTimeoutMs: 500,
        attempts: 3,
      });
    });
    afterAll(async () => {
      await store?.close();
      await proxy?.close();
    });

    it.each(["cut-before", "cut-after", "slow-down", "hang"] as const)(
      "creates a key once after %s",
      async (kind) => {
        const name = nextKey();
        proxy.inject({ kind, method: "PUT", times: 1 });
        const outcome = await store.putIfAbsent(name, bytes("mine"));
        expect(outcome).toEqual({ status: "stored", etag: (await store.get(name))?.etag });
      },
    );

    it("replaces a body once when the answer to the first try was lost", async () => {
      const name = nextKey();
      const first = etagOf(await store.putIfAbsent(name, bytes("1")));
      proxy.inject({ kind: "cut-after", method: "PUT", times: 1 });
      const second = await store.putIfMatch(name, bytes("2"), first);
      expect(second).toEqual({ status: "stored", etag: (await store.get(name))?.etag });
      expect(await store.putIfMatch(name, bytes("3"), first)).toEqual({ status: "conflict" });
    });

    it("does not take another's body for its own after a lost answer", async () => {
      const name = nextKey();
      await store.putIfAbsent(name, bytes("theirs"));
      proxy.inject({ kind: "cut-after", method: "PUT", times: 1 });
      expect(await store.putIfAbsent(name, bytes("mine"))).toEqual({ status: "conflict" });
    });

    it("counts 409 as lost", async () => {
      proxy.inject({ kind: "conflict", method: "PUT", times: 1 });
      expect(await store.putIfAbsent(nextKey(), bytes("mine"))).toEqual({ status: "conflict" });
    });

    it.each(["cut-before", "cut-body", "slow-down", "hang"] as const)(
      "reads a body whole after %s",
      async (kind) => {
        const name = nextKey();
        await store.putIfAbsent(name, Buffer.alloc(300_000, 7));
        proxy.inject({ kind, method: "GET", times: 1 });
        expect((await store.get(name))?.body).toHaveLength(300_000);
      },
    );

    it("says that the outcome is unknown when no try got an answer", async () => {
      proxy.inject({ kind: "cut-after", method: "PUT", times: 3 });
      await expect(store.putIfAbsent(nextKey(), bytes("mine"))).rejects.toMatchObject({
        name: "BlobStoreError",
        reason: "unavailable",
        outcomeUnknown: true,
      });
    });

    it("says that the outcome is unknown when only the last try was refused", async () => {
      proxy.inject({ kind: "denied", method: "PUT", times: 1 });
      await expect(store.putIfAbsent(nextKey(), bytes("mine"))).rejects.toMatchObject({
        reason: "denied",
        outcomeUnknown: false,
      });
      proxy.inject({ kind: "denied", method: "PUT", times: 1 });
      proxy.inject({ kind: "cut-after", method: "PUT", times: 1 });
      const name = nextKey();
      await expect(store.putIfAbsent(name, bytes("mine"))).rejects.toMatchObject({
        reason: "denied",
        outcomeUnknown: true,
      });
      expect(await store.get(name)).toBeDefined();
    });

    it("gives up on a store that never answers, within its time", async () => {
      proxy.inject({ kind: "hang", method: "DELETE", times: 10 });
      const hasty = await connectS3BlobStore({
        bucket: "layer",
        endpoint: proxy.endpoint,
        credentials: server.credentials,
        timeoutMs: 700,
        idleTimeoutMs: 10_000,
      });
      const started = performance.now();
      await expect(hasty.delete("faults/hang")).rejects.toMatchObject({
        reason: "timeout",
        outcomeUnknown: true,
      });
      expect(performance.now() - started).toBeLessThan(3_000);
      await hasty.close();
      proxy.inject({ kind: "hang", method: "DELETE", times: 0 });
    });

    it("cuts calls in flight when it is closed", async () => {
      const closing = await connectS3BlobStore({
        bucket: "layer",
        endpoint: proxy.endpoint,
        credentials: server.credentials,
      });
      proxy.inject({ kind: "hang", method: "GET", times: 1 });
      const call = closing.get("faults/closing");
      setTimeout(() => void closing.close(), 50);
      await expect(call).rejects.toMatchObject({ reason: "closed" });
    });
  });

  if (checksSignatures)
    it("says that the credentials are refused, without them", async () => {
      const credentials = { ...server.credentials, secretAccessKey: "secret-of-another" };
      const error = await openS3BlobStore({ bucket: "layer", endpoint: server.endpoint, credentials }).catch(
        (failure: Error) => failure,
      );
      expect(error).toMatchObject({
        reason: "denied",
        message: "blob ping: bucket layer refused the credentials (SignatureDoesNotMatch)",
      });
      expect(JSON.stringify(error)).not.toContain("of-another");
    });

  it("says that a bucket does not exist and what to set", async () => {
    await expect(
      openS3BlobStore({ bucket: "elsewhere", endpoint: server.endpoint, credentials: server.credentials }),
    ).rejects.toMatchObject({
      reason: "misconfigured",
      message: /bucket elsewhere does not exist.*S3_BUCKET/,
    });
  });
}

it("says that nobody listens at the endpoint, without naming credentials", async () => {
  const error = await openS3BlobStore({
    bucket: "layer",
    endpoint: "http://127.0.0.1:9",
    credentials: { accessKeyId: "id-of-mine", secretAccessKey: "secret-of-mine" },
    attempts: 1,
  }).catch((failure: Error) => failure);
  expect(error).toMatchObject({
    reason: "unavailable",
    message: "blob ping: the object store is not reachable (ECONNREFUSED)",
  });
  expect(JSON.stringify(error)).not.toContain("of-mine");
});

describe("a server that is not S3 where S3 should be", () => {
  let server: Server;
  let store: BlobStore;
  let answer: { status: number; body: string };
  beforeEach(async () => {
    server = createServer((_request, response) => response.writeHead(answer.status).end(answer.body));
    await once(server.listen(0, "127.0.0.1"), "listening");
    store = await connectS3BlobStore({
      bucket: "layer",
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      credentials: { accessKeyId: "id", secretAccessKey: "secret" },
      attempts: 1,
    });
  });
  afterEach(async () => {
    await store.close();
    server.closeAllConnections();
    server.close();
  });

  it.each([
    { status: 200, body: "" },
    { status: 200, body: "<html><p>We are back soon</p></html>" },
    { status: 200, body: "<html>not even closed" },
    { status: 404, body: "no such page" },
    { status: 502, body: "Bad Gateway" },
  ])("is not believed: $status $body", async (given) => {
    answer = given;
    const body = new Uint8Array(1);
    const foreign = { reason: "unavailable", message: expect.stringMatching(/does not speak as S3 does/) };
    await expect(store.ping()).rejects.toMatchObject(foreign);
    await expect(store.get("k")).rejects.toMatchObject(foreign);
    await expect(store.list({ prefix: "replicas/", limit: 10 })).rejects.toMatchObject(foreign);
    await expect(store.putIfAbsent("k", body)).rejects.toMatchObject(foreign);
    await expect(store.putIfMatch("k", body, '"e"')).rejects.toMatchObject(foreign);
  });
});

describe("the proof of conditional writes", () => {
  /** A store that forgets its conditions as told. */
  function forgetful(lacks: { absent?: boolean; match?: boolean }): BlobStore {
    const blobs = new Map<string, { body: Uint8Array; etag: string }>();
    let writes = 0;
    const store = (name: string, body: Uint8Array): BlobPutOutcome => {
      writes += 1;
      blobs.set(name, { body, etag: String(writes) });
      return { status: "stored", etag: String(writes) };
    };
    return {
      get: async (name) => blobs.get(name),
      putIfAbsent: async (name, body) =>
        blobs.has(name) && !lacks.absent ? { status: "conflict" } : store(name, body),
      putIfMatch: async (name, body, etag) =>
        blobs.get(name)?.etag !== etag && !lacks.match ? { status: "conflict" } : store(name, body),
      delete: async (name) => void blobs.delete(name),
      list: async () => ({
        entries: [...blobs].map(([name, { etag }]) => ({ key: name, etag, sizeBytes: 0 })),
        more: false,
      }),
      ping: async () => undefined,
      close: async () => undefined,
    };
  }

  it("passes a store that has them and leaves nothing behind", async () => {
    const store = forgetful({});
    await probeConditionalWrites(store, "p");
    expect((await store.list({ prefix: "", limit: 1 })).entries).toEqual([]);
  });

  it.each([
    [{ absent: true }, /If-None-Match: \* does not keep a key from being created twice/],
    [{ match: true }, /If-Match does not keep an object from being replaced twice/],
  ])("fails a store that lacks %j, saying so", async (lacks, message) => {
    await expect(probeConditionalWrites(forgetful(lacks), "p")).rejects.toMatchObject({
      reason: "misconfigured",
      message,
    });
  });
});
