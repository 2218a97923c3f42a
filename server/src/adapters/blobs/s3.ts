/**
 * The blob store on S3 or a server that speaks like it. Races are settled by `If-None-Match: *` and `If-Match`, which are
 * proved at the start; 409, S3's word for two writers at once, counts as lost.
 *
 * The client retries throttling and cut connections. After a retry a failed condition may be our own first try's doing, so
 * the key is read back and equal bytes count as ours.
 */

import { randomUUID } from "node:crypto";
import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import {
  BLOB_LIST_LIMIT_MAX,
  type Blob,
  type BlobCallOptions,
  type BlobPage,
  type BlobPutOutcome,
  type BlobStore,
  BlobStoreError,
  checkBlobKey,
  checkBlobLimit,
} from "../../ports/blob-store.js";
import { probeConditionalWrites } from "./conditional-writes.js";
import { foreignAnswer, isConflict, isMissing, readFailure, toBlobStoreError } from "./s3-failure.js";

type Commands = typeof import("@aws-sdk/client-s3");

export interface S3BlobStoreOptions {
  readonly bucket: string;
  /** Default `us-east-1`. */
  readonly region?: string;
  /** An S3-compatible server, addressed path-style. Default: AWS. */
  readonly endpoint?: string;
  /** Default: the SDK's chain (environment, profile, container, instance). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** A whole call, retries included, in ms, and a further second for each MiB it carries. Default 30,000. */
  readonly timeoutMs?: number;
  /** One request without a byte moving, in ms. Default 5,000. */
  readonly idleTimeoutMs?: number;
  /** Requests for one call. Default 4. */
  readonly attempts?: number;
}

/** Connections to the store; further calls wait inside the client until their time is over. */
const CONNECTIONS = 64;
const CONNECT_TIMEOUT_MS = 3_000;
/** Times a body that was cut off is asked for again. */
const BODY_TRIES = 3;

/**
 * Connects, and proves that the bucket can be read, written and listed and that its conditional writes hold.
 * @throws BlobStoreError saying what is wrong and what to set
 */
export async function openS3BlobStore(options: S3BlobStoreOptions): Promise<BlobStore> {
  const store = await connectS3BlobStore(options);
  try {
    await store.ping();
    await probeConditionalWrites(store, randomUUID());
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/** Makes the store without a request. The SDK is loaded here, since a gateway without S3 should not pay for it. */
export async function connectS3BlobStore(options: S3BlobStoreOptions): Promise<BlobStore> {
  const commands = await import("@aws-sdk/client-s3");
  const config: S3ClientConfig = {
    region: options.region ?? "us-east-1",
    maxAttempts: options.attempts ?? 4,
    retryMode: "standard",
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: options.idleTimeoutMs ?? 5_000,
      requestTimeout: options.timeoutMs ?? 30_000,
      throwOnRequestTimeout: true,
      httpAgent: { maxSockets: CONNECTIONS, keepAlive: true },
      httpsAgent: { maxSockets: CONNECTIONS, keepAlive: true },
    },
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    // Servers other than AWS reject the checksum headers the SDK adds by default.
    ...(options.endpoint === undefined
      ? {}
      : {
          endpoint: options.endpoint,
          forcePathStyle: true,
          requestChecksumCalculation: "WHEN_REQUIRED" as const,
          responseChecksumValidation: "WHEN_REQUIRED" as const,
        }),
  };
  return new S3BlobStore(new commands.S3Client(config), commands, options);
}

class S3BlobStore implements BlobStore {
  readonly #client: S3Client;
  readonly #commands: Commands;
  readonly #bucket: string;
  readonly #timeoutMs: number;
  readonly #closed = new AbortController();

  constructor(client: S3Client, commands: Commands, options: S3BlobStoreOptions) {
    this.#client = client;
    this.#commands = commands;
    this.#bucket = options.bucket;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
  }

  async get(key: string, options: BlobCallOptions = {}): Promise<Blob | undefined> {
    checkBlobKey(key);
    const request = { Bucket: this.#bucket, Key: key };
    return this.#call(`get ${key}`, "read", 0, options, async (abortSignal) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const answer = await this.#client.send(new this.#commands.GetObjectCommand(request), {
            abortSignal,
          });
          const stream = answer.Body;
          const body = (await untilAborted(stream?.transformToByteArray(), abortSignal)) ?? new Uint8Array(0);
          if (answer.ContentLength !== undefined && answer.ContentLength !== body.byteLength)
            throw new Error(`body of ${body.byteLength} bytes instead of ${answer.ContentLength}`);
          return { body, etag: given(answer.ETag, `get ${key}`, "read") };
        } catch (error) {
          const failure = readFailure(error);
          if (isMissing(failure)) return undefined;
          // The client retries a request, but not a body that breaks off.
          if (abortSignal.aborted || failure.status !== undefined || attempt >= BODY_TRIES) throw error;
        }
      }
    });
  }

  putIfAbsent(key: string, body: Uint8Array, options: BlobCallOptions = {}): Promise<BlobPutOutcome> {
    return this.#put(key, body, { IfNoneMatch: "*" }, options);
  }

  putIfMatch(
    key: string,
    body: Uint8Array,
    etag: string,
    options: BlobCallOptions = {},
  ): Promise<BlobPutOutcome> {
    return this.#put(key, body, { IfMatch: etag }, options);
  }

  async delete(key: string, options: BlobCallOptions = {}): Promise<void> {
    checkBlobKey(key);
    await this.#call(`delete ${key}`, "write", 0, options, async (abortSignal) => {
      const command = new this.#commands.DeleteObjectCommand({ Bucket: this.#bucket, Key: key });
      await this.#client.send(command, { abortSignal }).catch((error: unknown) => {
        if (!isMissing(readFailure(error))) throw error;
      });
    });
  }

  async list(
    query: { readonly prefix: string; readonly after?: string; readonly limit: number },
    options: BlobCallOptions = {},
  ): Promise<BlobPage> {
    checkBlobLimit(query.limit);
    // One more than asked for tells whether more follow: some servers call a page cut off when it is merely full.
    const command = new this.#commands.ListObjectsV2Command({
      Bucket: this.#bucket,
      Prefix: query.prefix,
      MaxKeys: Math.min(query.limit + 1, BLOB_LIST_LIMIT_MAX),
      ...(query.after === undefined ? {} : { StartAfter: query.after }),
    });
    return this.#call(`list ${query.prefix}`, "read", 0, options, async (abortSignal) => {
      const answer = await this.#client.send(command, { abortSignal });
      given(answer.Name, `list ${query.prefix}`, "read");
      const entries = (answer.Contents ?? []).map((object) => ({
        key: object.Key ?? "",
        etag: object.ETag ?? "",
        sizeBytes: object.Size ?? 0,
      }));
      const more = entries.length > query.limit || (answer.IsTruncated ?? false);
      return { entries: entries.slice(0, query.limit), more };
    });
  }

  async ping(options: BlobCallOptions = {}): Promise<void> {
    const command = new this.#commands.ListObjectsV2Command({
      Bucket: this.#bucket,
      Prefix: "probes/",
      MaxKeys: 1,
    });
    await this.#call("ping", "read", 0, options, async (abortSignal) => {
      const answer = await this.#client.send(command, { abortSignal });
      given(answer.Name, "ping", "read");
    });
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#client.destroy();
  }

  async #put(
    key: string,
    body: Uint8Array,
    condition: { IfNoneMatch: string } | { IfMatch: string },
    options: BlobCallOptions,
  ): Promise<BlobPutOutcome> {
    checkBlobKey(key);
    const command = new this.#commands.PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: body,
      ...condition,
    });
    return this.#call(`put ${key}`, "write", body.byteLength, options, async (abortSignal) => {
      try {
        const answer = await this.#client.send(command, { abortSignal });
        return { status: "stored", etag: given(answer.ETag, `put ${key}`, "write") };
      } catch (error) {
        const failure = readFailure(error);
        if (!isConflict(failure)) throw error;
        return failure.attempts > 1 ? this.#settle(key, body, options) : { status: "conflict" };
      }
    });
  }

  /** Whether the body under a key is the one an earlier try of ours may have stored. */
  async #settle(key: string, body: Uint8Array, options: BlobCallOptions): Promise<BlobPutOutcome> {
    const found = await this.get(key, options);
    const isOurs = found !== undefined && Buffer.compare(found.body, body) === 0;
    return isOurs ? { status: "stored", etag: found.etag } : { status: "conflict" };
  }

  /** Runs a call within its time, turning every failure into `BlobStoreError`. */
  async #call<T>(
    what: string,
    effect: "read" | "write",
    sizeBytes: number,
    options: BlobCallOptions,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#closed.signal.aborted) throw new BlobStoreError("closed", `blob ${what} after close`);
    if (options.signal?.aborted) throw new BlobStoreError("aborted", `blob ${what} was aborted`);
    const deadline = AbortSignal.timeout(this.#timeoutMs + Math.ceil(sizeBytes / (1024 * 1024)) * 1_000);
    const signal = AbortSignal.any([
      deadline,
      this.#closed.signal,
      ...(options.signal ? [options.signal] : []),
    ]);
    try {
      return await run(signal);
    } catch (error) {
      const failed = { cause: error, outcomeUnknown: effect === "write" };
      if (this.#closed.signal.aborted)
        throw new BlobStoreError("closed", `blob ${what} was cut by close`, failed);
      if (options.signal?.aborted) throw new BlobStoreError("aborted", `blob ${what} was aborted`, failed);
      if (deadline.aborted)
        throw new BlobStoreError("timeout", `blob ${what}: the object store did not answer in time`, failed);
      throw toBlobStoreError(error, `blob ${what}`, this.#bucket, effect);
    }
  }
}

/**
 * What S3 puts in every such answer. Without it another server has answered, a proxy that is being mended for one, and its word
 * must not pass for a body stored or a list that is empty.
 */
function given(value: string | undefined, what: string, effect: "read" | "write"): string {
  if (value !== undefined && value !== "") return value;
  throw foreignAnswer(`blob ${what}`, 200, { outcomeUnknown: effect === "write" });
}

/** Waits for a body no longer than the signal allows: the client minds it only until the head of the answer. */
async function untilAborted<T>(body: Promise<T> | undefined, signal: AbortSignal): Promise<T | undefined> {
  if (body === undefined) return undefined;
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([body, aborted]);
  } finally {
    if (onAbort) signal.removeEventListener("abort", onAbort);
  }
}
