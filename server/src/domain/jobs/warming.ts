/**
 * Warming before traffic arrives: upstream's own hint, warm jobs that fill the document cache, and the mirror of the newest
 * snapshot.
 *
 * The hint has two forms, told apart by which names stand in the raw query string: bare, it is upstream's and goes there as
 * it is; with any warm option, even one set to `false`, the gateway runs the steps itself.
 */

import { AppError } from "../../errors.js";
import { CacheUnavailable } from "../../ports/document-cache.js";
import type { Upstream } from "../../ports/upstream.js";
import type { RequestContext } from "../context.js";
import { namespacePath, tracingHeaders } from "../forwarding/forwarding.js";
import { passThrough } from "../forwarding/passthrough.js";
import { isSuccess, jsonRelay, type Relay, relayAnswer } from "../forwarding/relay.js";
import type { Warming } from "../operations.js";
import { needingBlobs } from "./blob-failure.js";
import type { JobBoard } from "./job-board.js";
import type { SnapshotMirror } from "./snapshot-mirror.js";
import { type WarmJob, warmJobJson } from "./warm-job.js";
import type { WarmRequests } from "./warm-requests.js";

export interface WarmingDependencies {
  upstream: Upstream;
  board: Pick<JobBoard<WarmJob>, "list">;
  requests: Pick<WarmRequests, "submit">;
  snapshots: SnapshotMirror;
  /** False while the document cache is down, or where there is none. */
  isCacheUp: () => boolean;
}

const pageSizeMax = 10_000;
const hintOptions = ["turbopuffer", "documents", "snapshots", "page_size"];
/** The product's, for attributes that this gateway does not have. Ignoring them would claim a warmth that is not there. */
const refusedOptions = ["blobs", "blob_budget_bytes"];

export function createWarming(dependencies: WarmingDependencies): Warming {
  const { upstream, board, requests, snapshots, isCacheUp } = dependencies;

  function needCache(): void {
    if (!isCacheUp()) throw cacheCold("the document cache is not available");
  }

  function submit(namespace: string, pageSize: number | undefined): Promise<WarmJob> {
    return needingBlobs(`warm job of ${namespace}`, () => requests.submit(namespace, pageSize));
  }

  async function mirror(namespace: string) {
    try {
      const found = await needingBlobs(`snapshots of ${namespace}`, () => snapshots.refresh(namespace));
      if (found === undefined) return { enabled: true, status: "no_snapshot" };
      const { key, watermarkMs, sha } = found;
      return { enabled: true, status: "completed", key, watermark_ms: watermarkMs, sha };
    } catch (cause) {
      if (cause instanceof CacheUnavailable)
        throw cacheCold("the document cache failed while a snapshot was copied into it", cause);
      throw cause;
    }
  }

  async function orchestrate(
    context: RequestContext,
    namespace: string,
    query: URLSearchParams,
  ): Promise<Relay> {
    const skipped = { enabled: false, status: "skipped" };
    const [turbopuffer, documents, snapshotStep] = [
      stepOf(query, "turbopuffer"),
      stepOf(query, "documents"),
      stepOf(query, "snapshots"),
    ];
    const pageSize = pageSizeOf(query);
    if (documents || snapshotStep) needCache();
    if (turbopuffer) {
      const answer = await upstream.send({
        method: "GET",
        path: namespacePath("v1", namespace, "hint_cache_warm"),
        headers: tracingHeaders(context),
        effect: "read",
        signal: context.signal,
      });
      if (!isSuccess(answer)) return relayAnswer(answer);
    }
    const job = documents ? await submit(namespace, pageSize) : undefined;
    const answer = {
      namespace,
      turbopuffer: turbopuffer ? { enabled: true, status: "completed" } : skipped,
      documents:
        job === undefined ? skipped : { enabled: true, status: "started", job: warmJobJson(namespace, job) },
      snapshots: snapshotStep ? await mirror(namespace) : skipped,
    };
    return jsonRelay(200, JSON.stringify(answer));
  }

  return {
    hintCacheWarm: async (context, namespace) => {
      const query = new URLSearchParams(context.rawQuery);
      for (const name of refusedOptions)
        if (query.has(name))
          throw new AppError("validation_error", `${name}: this warm option is not supported`);
      if (hintOptions.some((name) => query.has(name))) return orchestrate(context, namespace, query);
      return passThrough(upstream, context, {
        method: "GET",
        path: namespacePath("v1", namespace, "hint_cache_warm"),
        effect: "read",
      });
    },

    warmCache: async (_context, namespace, pageSize) => {
      needCache();
      return jsonRelay(202, JSON.stringify(warmJobJson(namespace, await submit(namespace, pageSize))));
    },

    listWarmJobs: async (_context, namespace) => {
      const jobs = await needingBlobs(`warm jobs of ${namespace}`, () => board.list(namespace));
      const warmJobs = jobs.map((job) => warmJobJson(namespace, job));
      return jsonRelay(200, JSON.stringify({ warm_jobs: warmJobs }));
    },

    getWarmJob: async (_context, namespace, jobId) => {
      const jobs = await needingBlobs(`warm jobs of ${namespace}`, () => board.list(namespace));
      const job = jobs.find(({ id }) => id === jobId);
      if (job === undefined)
        throw new AppError("not_found", `warm job '${jobId}' was not found in namespace '${namespace}'`);
      return jsonRelay(200, JSON.stringify(warmJobJson(namespace, job)));
    },
  };
}

/** Whether a step is in force: it is unless it is false. @throws AppError `validation_error` for anything but a boolean */
function stepOf(query: URLSearchParams, name: string): boolean {
  const value = query.getAll(name).at(-1) ?? "true";
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw new AppError(
    "validation_error",
    `${name}: expected true, false, 1 or 0, got ${JSON.stringify(value)}`,
  );
}

/** @throws AppError `validation_error` for anything but an integer from 1 to 10,000 */
function pageSizeOf(query: URLSearchParams): number | undefined {
  const value = query.getAll("page_size").at(-1);
  if (value === undefined) return undefined;
  const size = /^\d{1,6}$/.test(value) ? Number(value) : 0;
  if (size >= 1 && size <= pageSizeMax) return size;
  throw new AppError(
    "validation_error",
    `page_size: expected an integer from 1 to ${pageSizeMax}, got ${JSON.stringify(value)}`,
  );
}

function cacheCold(message: string, cause?: unknown): AppError {
  return new AppError("cache_cold", message, { cause, details: { cache_state: "cold" } });
}
