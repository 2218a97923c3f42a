/** A warm job as it is stored and as callers see it. */

import type { JobBase } from "./job-board.js";

export interface WarmJob extends JobBase {
  /** Rows a page. */
  readonly pageSize: number;
  /** Rows read from upstream so far. */
  readonly scanned: number;
  /** Rows upstream had when the job began, for its progress. */
  readonly total?: number;
  /** The watermark read when the job began: what it will have warmed through. */
  readonly through?: number;
  /** JSON text of the last id whose page is in the cache: where another owner goes on. */
  readonly cursor?: string;
  /** The cache's epoch of the namespace under which pages were put; another one empties what was done. */
  readonly epoch?: string;
  /** Epoch-ms at which the walk under that epoch began. */
  readonly begunAt?: number;
  /** Rows that no cache can hold. */
  readonly uncacheable: number;
  readonly error?: string;
}

/** A job at its beginning. */
export function newWarmJob(id: string, pageSize: number, createdAt: number): WarmJob {
  return { id, status: "running", createdAt, generation: 0, pageSize, scanned: 0, uncacheable: 0 };
}

/** At most 0.99 until the job is done: the count of rows it is measured by moves. */
function progressOf(job: WarmJob): number {
  if (job.status === "completed") return 1;
  if (job.total === undefined || job.total === 0) return 0;
  return Math.min(0.99, Math.round((job.scanned / job.total) * 1000) / 1000);
}

/** The answer's form. */
export function warmJobJson(namespace: string, job: WarmJob) {
  return {
    id: job.id,
    namespace,
    status: job.status,
    progress: progressOf(job),
    documents_scanned: job.scanned,
    created_at: new Date(job.createdAt).toISOString(),
    ...(job.status === "completed" && job.through !== undefined ? { stable_as_of: job.through } : {}),
    completed_at: job.completedAt === undefined ? null : new Date(job.completedAt).toISOString(),
    error: job.error ?? null,
  };
}
