/**
 * Jobs of one kind, where every replica can see them: one blob a namespace holds those that run or ended lately.
 *
 * Every change is a conditional write of that blob, so "one running job a namespace" and "an older owner changes nothing"
 * are settled by the store. Any replica may submit; only the owner of the namespace's partition changes a running job, and
 * each of its changes carries the generation of its lease: a job that a newer generation has touched refuses older ones.
 */

import type { Clock } from "../../clock.js";
import { type BlobStore, BlobStoreError } from "../../ports/blob-store.js";

/** What every kind of job has. */
export interface JobBase {
  readonly id: string;
  readonly status: "running" | "completed" | "failed";
  /** Wall clock, epoch-ms. */
  readonly createdAt: number;
  /** Wall clock, epoch-ms, of the end. */
  readonly completedAt?: number;
  /** Generation of the newest lease under which the job was worked on; 0 before the first. */
  readonly generation: number;
}

/** The job is not this owner's to change: ended, removed with its namespace, or taken over. */
export class JobTaken extends Error {
  override readonly name = "JobTaken";
}

export interface JobBoard<Job extends JobBase> {
  /** The namespace's running job, or the one that `make` makes. @throws BlobStoreError */
  submit(namespace: string, make: () => Job): Promise<Job>;
  /** Oldest first; ended ones for an hour. @throws BlobStoreError */
  list(namespace: string): Promise<readonly Job[]>;
  /**
   * Changes a running job under a lease of `generation`.
   * @param change pure; may run several times
   * @throws JobTaken and nothing changed; BlobStoreError
   */
  change(
    namespace: string,
    id: string,
    generation: number,
    change: (job: Job) => Job,
    signal?: AbortSignal,
  ): Promise<Job>;
  /** The namespaces that have a running job. @throws BlobStoreError */
  running(signal?: AbortSignal): Promise<readonly string[]>;
  /** Removes everything of a namespace. Returns how many objects went. @throws BlobStoreError */
  forget(namespace: string): Promise<number>;
}

export interface JobBoardOptions {
  /** Part of the blobs' keys: `warm`. */
  readonly kind: string;
}

/** How long an ended job is kept, ms (contract). */
export const JOB_RETENTION_MS = 3_600_000;
/** Ended jobs kept a namespace (contract). */
export const JOBS_MAX = 1_000;
const FORMAT = 1;
/** Tries of one change before the store counts as too busy; each lost one means that another's succeeded. */
const TRIES = 16;

type Shelf = Pick<BlobStore, "get" | "putIfAbsent" | "putIfMatch" | "delete" | "list">;

export function createJobBoard<Job extends JobBase>(
  { blobs, clock }: { blobs: Shelf; clock: Clock },
  { kind }: JobBoardOptions,
): JobBoard<Job> {
  const prefix = `jobs/${kind}/`;
  const keyOf = (namespace: string): string => `${prefix}${encodeURIComponent(namespace)}.json`;
  /** What the blob of a namespace said last, so that looking for work reads only what has changed. */
  const sights = new Map<string, { etag: string; isRunning: boolean }>();

  async function read(key: string, signal?: AbortSignal): Promise<{ jobs: Job[]; etag: string | undefined }> {
    const blob = await blobs.get(key, callOf(signal));
    return { jobs: blob === undefined ? [] : decode<Job>(key, blob.body), etag: blob?.etag };
  }

  /** @param edit returns the new list and a result, or only a result when nothing is to be written */
  async function edit<Result>(
    key: string,
    change: (jobs: readonly Job[], exists: boolean) => { jobs?: readonly Job[]; result: Result },
    signal?: AbortSignal,
  ): Promise<Result> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const { jobs, etag } = await read(key, signal);
      const outcome = change(jobs, etag !== undefined);
      if (outcome.jobs === undefined) return outcome.result;
      const body = encode(kept(outcome.jobs, clock.now()));
      const put = await (etag === undefined
        ? blobs.putIfAbsent(key, body, callOf(signal))
        : blobs.putIfMatch(key, body, etag, callOf(signal)));
      if (put.status === "stored") return outcome.result;
    }
    throw new BlobStoreError("unavailable", `${key} is changed by others all the time`);
  }

  return {
    submit: (namespace, make) =>
      edit(keyOf(namespace), (jobs) => {
        const running = jobs.find((job) => job.status === "running");
        if (running !== undefined) return { result: running };
        const job = make();
        return { jobs: [...jobs, job], result: job };
      }),

    async list(namespace) {
      const { jobs } = await read(keyOf(namespace));
      return kept(jobs, clock.now());
    },

    change: (namespace, id, generation, change, signal) =>
      edit(
        keyOf(namespace),
        (jobs) => {
          const index = jobs.findIndex((job) => job.id === id);
          const job = jobs[index];
          if (job === undefined) throw new JobTaken(`job ${id} is gone`);
          if (job.status !== "running") throw new JobTaken(`job ${id} has ${job.status}`);
          if (job.generation > generation)
            throw new JobTaken(`job ${id} is worked on at generation ${job.generation}, not ${generation}`);
          const changed = { ...change(job), generation };
          return { jobs: jobs.with(index, changed), result: changed };
        },
        signal,
      ),

    async running(signal) {
      const found: string[] = [];
      const present = new Set<string>();
      for (let after: string | undefined, more = true; more; ) {
        const page = await blobs.list(
          { prefix, limit: 1_000, ...(after === undefined ? {} : { after }) },
          callOf(signal),
        );
        for (const { key, etag } of page.entries) {
          after = key;
          present.add(key);
          if (sights.get(key)?.etag !== etag) {
            const { jobs, etag: read_ } = await read(key, signal);
            sights.set(key, { etag: read_ ?? etag, isRunning: jobs.some((job) => job.status === "running") });
          }
          if (sights.get(key)?.isRunning)
            found.push(decodeURIComponent(key.slice(prefix.length, -".json".length)));
        }
        more = page.more;
      }
      for (const key of sights.keys()) if (!present.has(key)) sights.delete(key);
      return found;
    },

    async forget(namespace) {
      const key = keyOf(namespace);
      if ((await blobs.get(key)) === undefined) return 0;
      await blobs.delete(key);
      return 1;
    },
  };
}

const callOf = (signal: AbortSignal | undefined): { signal?: AbortSignal } =>
  signal === undefined ? {} : { signal };

/** Without what ended too long ago or is too much; a running job always stays. */
function kept<Job extends JobBase>(jobs: readonly Job[], now: number): readonly Job[] {
  const fresh = jobs.filter(
    (job) => job.status === "running" || now - (job.completedAt ?? job.createdAt) < JOB_RETENTION_MS,
  );
  return fresh.slice(-JOBS_MAX);
}

function encode(jobs: readonly JobBase[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: FORMAT, jobs }));
}

function decode<Job extends JobBase>(key: string, body: Uint8Array): Job[] {
  const parsed = JSON.parse(new TextDecoder().decode(body)) as { format: number; jobs: Job[] };
  if (parsed.format !== FORMAT) throw new Error(`${key} has the unknown format ${String(parsed.format)}`);
  return parsed.jobs;
}
