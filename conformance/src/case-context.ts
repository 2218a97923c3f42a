/** What every case of a run shares. */
import type { Servers } from "./servers.js";
import type { Spec } from "./spec.js";

export interface CaseContext {
  spec: Spec;
  servers: Servers;
  /** Distinguishes the namespaces of this run from those of others on the same server. */
  runId: string;
  /** Limit of one step, in ms. */
  stepMs: number;
}
