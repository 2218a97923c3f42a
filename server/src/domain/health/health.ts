/**
 * What the gateway says about itself: always alive, ready only while the upstream answers, and where each kind of state
 * lives. Places on disk or in the network are told only to callers who may know them.
 */

import { AppError } from "../../errors.js";
import type {
  AerospikeHealth,
  EngineHealth,
  Health,
  NotReady,
  ReplicaHealth,
  StoreHealth,
} from "../../generated/types.js";
import type { Upstream } from "../../ports/upstream.js";
import type { Principal } from "../../principal.js";
import type { ReplicaState } from "../consistency/replica.js";
import type { StoreState } from "./store-watch.js";

export type Readiness =
  | { readonly ready: true; readonly report: Health }
  | { readonly ready: false; readonly report: NotReady };

export interface HealthReports {
  /** Never fails: the process runs, so it answers. */
  report(principal: Principal): Health;
  /**
   * Asks the upstream, for at most `readinessTimeoutMs`. Anyone may call this, so callers that come while it is being asked
   * share the answer: a flood of them costs upstream one request at a time.
   */
  readiness(principal: Principal): Promise<Readiness>;
}

/** A store, or the place where one could be. */
export type ReportedStore =
  /** `detail` says what to set. */
  | { readonly adapter: "none"; readonly detail: string }
  | { readonly adapter: string; readonly location: string; state(): StoreState };

/** The stores beside the upstream. */
export interface ReportedStores {
  readonly documentCache: ReportedStore;
  readonly blobStore: ReportedStore;
  readonly queueStore: ReportedStore;
  /** The connection to Aerospike, where that is the document cache. */
  aerospike(): AerospikeHealth;
}

export interface HealthDependencies {
  readonly upstream: Pick<Upstream, "ping">;
  readonly isDraining: () => boolean;
  readonly version: string;
  /** What stands behind the Upstream port, and where. */
  readonly store: Extract<ReportedStore, { readonly location: string }>;
  readonly stores: ReportedStores;
  /** What is known of this process among others. */
  readonly replica: () => ReplicaState;
  /** Tell everyone the location: on loopback with the well-known key there is nobody to hide it from. */
  readonly isLocationPublic: boolean;
  readonly readinessTimeoutMs: number;
  /** What the embedded engine leaves out, where it holds the rows. */
  readonly engine?: EngineHealth | undefined;
  /** Which of several processes of one gateway this is. */
  readonly worker?: { readonly id: number; readonly of: number } | undefined;
}

export function createHealth(dependencies: HealthDependencies): HealthReports {
  const { upstream, isDraining, version, store, stores, isLocationPublic, readinessTimeoutMs } = dependencies;
  const { worker, engine } = dependencies;
  /** The check under way. */
  let checking: Promise<string | undefined> | undefined;

  function report(principal: Principal): Health {
    const mayKnow = isLocationPublic || principal.scopes.size > 0;
    return {
      status: "ok",
      version,
      auth_mode: "deriveFromStore",
      aerospike: stores.aerospike(),
      stores: {
        upstream: storeHealth(store, mayKnow),
        document_cache: storeHealth(stores.documentCache, mayKnow),
        blob_store: storeHealth(stores.blobStore, mayKnow),
        queue_store: storeHealth(stores.queueStore, mayKnow),
      },
      replica: replicaHealth(dependencies.replica()),
      ...(worker === undefined ? {} : { worker }),
      ...(engine === undefined ? {} : { engine }),
    };
  }

  async function readiness(principal: Principal): Promise<Readiness> {
    if (isDraining()) return { ready: false, report: { status: "draining", version } };
    checking ??= check().finally(() => {
      checking = undefined;
    });
    const problem = await checking;
    return problem === undefined
      ? { ready: true, report: report(principal) }
      : { ready: false, report: { status: "starting", version, detail: problem } };
  }

  /** What keeps the upstream from answering, if anything does. */
  async function check(): Promise<string | undefined> {
    try {
      await upstream.ping(AbortSignal.timeout(readinessTimeoutMs));
      return undefined;
    } catch (error) {
      return error instanceof AppError ? error.message : "turbopuffer could not be asked";
    }
  }

  return { report, readiness };
}

function storeHealth(store: ReportedStore, mayKnow: boolean): StoreHealth {
  if (!("state" in store)) return { adapter: store.adapter, status: "off", detail: store.detail };
  const { lost } = store.state();
  return {
    adapter: store.adapter,
    ...(lost === undefined
      ? { status: "ok" }
      : { status: "degraded", since: new Date(lost.since).toISOString(), detail: lost.detail }),
    ...(mayKnow ? { location: store.location } : {}),
  };
}

function replicaHealth({ kind, others, acceptsWrites, lost }: ReplicaState): ReplicaHealth {
  if (kind === "sole") {
    return {
      kind,
      status: "ok",
      others,
      detail: "takes itself for the only one: there is no blob store to meet in",
    };
  }
  if (lost === undefined) return { kind, status: "ok", others };
  const detail = acceptsWrites ? lost.detail : `writes are refused: ${lost.detail}`;
  return { kind, status: "degraded", others, since: new Date(lost.since).toISOString(), detail };
}
