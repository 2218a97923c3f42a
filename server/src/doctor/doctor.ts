/**
 * `hevlayer-gateway doctor`: asks every configured dependency what the gateway will need of it, and says in one line each
 * what is wrong and how to mend it. It writes only probes that it removes again, and starts nothing.
 */

import type { Config } from "../config.js";
import { adapterOf } from "../store-config.js";
import { checkBlobStore } from "./blob-store.js";
import type { DoctorDependencies } from "./dependencies.js";
import { checkDocumentCache } from "./document-cache.js";
import { type Finding, isUsable, note, ok, within, wrong } from "./finding.js";
import { checkQueueStore } from "./queue-store.js";
import { checkUpstream } from "./upstream.js";

/** Time for one dependency, ms: longer than any of its own limits together. */
const CHECK_TIMEOUT_MS = 30_000;
const NODE_MIN = [20, 18, 1] as const;

/** @returns the lines to print, and whether everything can be used */
export async function examine(
  config: Config,
  dependencies: DoctorDependencies,
): Promise<{ readonly lines: readonly string[]; readonly isHealthy: boolean }> {
  const { stores, upstream } = config;
  const checks: readonly (readonly [string, () => Promise<readonly Finding[]>])[] = [
    ["gateway", async () => [checkNode(dependencies)]],
    ["upstream", () => checkUpstream(upstream, dependencies.clock.now)],
    ["document cache", () => checkDocumentCache(stores.documentCache, dependencies)],
    ["blob store", () => checkBlobStore(stores.blobStore, dependencies)],
    ["queue store", () => checkQueueStore(stores.queueStore, dependencies)],
    ["replicas", async () => checkReplicas(config)],
  ];
  const found = await Promise.all(
    checks.map(async ([subject, check]) => ({
      subject,
      findings: await within(CHECK_TIMEOUT_MS, check),
    })),
  );
  return {
    lines: found.flatMap(({ subject, findings }) =>
      findings.map(({ verdict, text }) => `${verdict.padEnd(7)}${subject.padEnd(16)}${text}`),
    ),
    isHealthy: found.every(({ findings }) => isUsable(findings)),
  };
}

function checkNode({ nodeVersion, version }: DoctorDependencies): Finding {
  const given = nodeVersion
    .replace(/^v/, "")
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  // The first part that differs decides.
  const at = NODE_MIN.findIndex((part, index) => part !== given[index]);
  return at === -1 || (given[at] ?? 0) > (NODE_MIN[at] ?? 0)
    ? ok(`version ${version} on Node.js ${nodeVersion}`)
    : wrong(`Node.js ${nodeVersion} is too old; install ${NODE_MIN.join(".")} or newer`);
}

/** What several gateways in front of one upstream need to share. */
function checkReplicas({ stores }: Config): Finding[] {
  const adapters = [stores.documentCache, stores.blobStore, stores.queueStore].map(adapterOf);
  const shared = adapters.filter((adapter) => adapter !== "lmdb" && adapter !== "none").length;
  if (shared > 0 && stores.blobStore.kind !== "s3")
    return [
      note(
        "gateways that share a cache or a queue find each other through S3: set S3_BUCKET before a second one starts",
      ),
    ];
  return [
    ok(shared === 3 ? "every store can be shared by any number of gateways" : "one gateway, or one machine"),
  ];
}
