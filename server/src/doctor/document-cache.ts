/** The document cache: reach, namespace, room, expiry, and writes that depend on a version. */

import { existsSync } from "node:fs";
import { openAerospikeDocumentCache } from "../adapters/documents/aerospike.js";
import {
  type AerospikeClient,
  type AerospikeModule,
  loadAerospike,
} from "../adapters/documents/aerospike-client.js";
import { codeOf, meaningOf } from "../adapters/documents/aerospike-failure.js";
import { openEmbeddedDocumentCache } from "../adapters/documents/embedded.js";
import { environmentDamage } from "../adapters/lmdb/meta-pages.js";
import { aerospikeOptions } from "../compose-stores.js";
import { CacheUnavailable, type CacheWrite, type DocumentCache } from "../ports/document-cache.js";
import type { AerospikeConfig, DocumentCacheConfig } from "../store-config.js";
import { checkDirectory } from "./data-directory.js";
import type { DoctorDependencies } from "./dependencies.js";
import { type Finding, isUsable, messageOf, note, off, ok, wrong } from "./finding.js";

const CONNECT_TIMEOUT_MS = 5_000;
/** A set that no namespace can have. */
const PROBE_SET = "~doctor";
/** Bytes of a record that the gateway expects to fit. */
const RECORD_BYTES = 1024 * 1024;

export async function checkDocumentCache(
  config: DocumentCacheConfig,
  dependencies: DoctorDependencies,
): Promise<Finding[]> {
  if (config.kind === "off") return [off(config.detail)];
  if (config.kind === "aerospike") return checkAerospike(config, dependencies);
  const { directory, bytesMax } = config;
  const findings = await checkDirectory(directory);
  if (!isUsable(findings) || !existsSync(directory)) return findings;
  const damage = environmentDamage(directory);
  if (damage !== undefined) return [note(`${damage}; the next start begins with an empty cache`)];
  const { clock, log, newId } = dependencies;
  const cache = await openEmbeddedDocumentCache({ directory, bytesMax, clock, log });
  try {
    return [...findings, ...(await probe(cache, newId()))];
  } finally {
    await cache.close();
  }
}

async function checkAerospike(config: AerospikeConfig, dependencies: DoctorDependencies): Promise<Finding[]> {
  const aerospike = await load(dependencies);
  if ("verdict" in aerospike) return [aerospike];
  try {
    const server = await inspect(aerospike, config);
    if (!isUsable(server)) return server;
    const { clock, log, newId } = dependencies;
    const cache = await openAerospikeDocumentCache({
      ...aerospikeOptions(config),
      clock,
      log,
      load: async () => aerospike,
      releaseEventLoop: false,
    });
    try {
      return [...server, ...(await probe(cache, newId()))];
    } finally {
      await cache.close();
    }
  } finally {
    aerospike.releaseEventLoop();
  }
}

async function load({ packages }: DoctorDependencies): Promise<AerospikeModule | Finding> {
  try {
    return await loadAerospike(packages.aerospike);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return wrong(
      code === "ERR_DLOPEN_FAILED"
        ? `the package aerospike cannot be loaded (${messageOf(error)}); it needs the system library libyaml: apt-get install libyaml-0-2`
        : messageOf(error),
    );
  }
}

/** What the cluster says of itself, over a connection of our own. */
async function inspect(aerospike: AerospikeModule, config: AerospikeConfig): Promise<Finding[]> {
  const { namespace: _, setPrefix: __, budgetMs: ___, ...options } = aerospikeOptions(config);
  const client = aerospike.client({
    ...options,
    connTimeoutMs: CONNECT_TIMEOUT_MS,
    log: { level: aerospike.log.OFF },
  });
  try {
    await client.connect();
    const [build, namespaces] = await Promise.all([info(client, "build"), info(client, "namespaces")]);
    const names = namespaces.split(";");
    if (!names.includes(config.namespace))
      return [
        wrong(
          `Aerospike ${build} has no namespace ${config.namespace}, only ${names.join(", ")}; add it to aerospike.conf or set AEROSPIKE_NAMESPACE`,
        ),
      ];
    const settings = new Map(
      (await info(client, `namespace/${config.namespace}`))
        .split(";")
        .map((entry) => entry.split("=", 2) as [string, string]),
    );
    return [
      ok(`Aerospike ${build} at ${config.hosts} answers and has the namespace ${config.namespace}`),
      ...judgeNamespace(settings),
    ];
  } catch (error) {
    const code = codeOf(error);
    const reason = code === undefined ? messageOf(error) : `code ${code}, ${meaningOf(error)}`;
    return [
      wrong(
        `no node of AEROSPIKE_HOSTS=${config.hosts} answers (${reason}); check the addresses, AEROSPIKE_CLUSTER_NAME, AEROSPIKE_USER and the TLS files. The gateway starts without its cache and goes on trying`,
      ),
    ];
  } finally {
    client.close(false);
  }
}

/** An answer of the cluster's is `request TAB answer`. */
async function info(client: AerospikeClient, request: string): Promise<string> {
  const answer = await client.infoAny(request);
  return (answer.split("\t", 2)[1] ?? answer).trim();
}

function judgeNamespace(settings: ReadonlyMap<string, string>): Finding[] {
  const findings: Finding[] = [];
  if (settings.get("stop_writes") === "true")
    findings.push(wrong("the namespace takes no writes (stop_writes): give it room, or let it evict"));
  if (settings.get("nsup-period") === "0")
    findings.push(
      note(
        "the namespace expires nothing (nsup-period 0): records past their time keep their room; set nsup-period",
      ),
    );
  const recordBytes = Number(settings.get("max-record-size") ?? RECORD_BYTES);
  // 0 means as large as the server's blocks, which hold a megabyte at least.
  if (recordBytes > 0 && recordBytes < RECORD_BYTES)
    findings.push(note(`documents over ${recordBytes} bytes are not cached: raise max-record-size`));
  return findings;
}

/** Writes, replaces and removes a record, each under a condition. */
async function probe(cache: DocumentCache, id: string): Promise<Finding[]> {
  const write = async (condition: CacheWrite["condition"]) => {
    const mark = new TextEncoder().encode("doctor");
    const [outcome] = await cache.put(PROBE_SET, [{ id, condition, mark, epoch: "doctor", ttlMs: 60_000 }]);
    return outcome?.status === "stored" ? (outcome.version ?? "") : undefined;
  };
  try {
    const version = await write({ when: "absent" });
    const again = await write({ when: "absent" });
    const replaced = version !== undefined && (await write({ when: "version", version }));
    const stale = version !== undefined && (await write({ when: "version", version }));
    await cache.delete(PROBE_SET, [id]);
    if (version === undefined || !replaced) return [wrong("a record could not be written and replaced")];
    return again === undefined && stale === undefined
      ? [ok("records can be written, replaced by version and removed")]
      : [
          wrong(
            "a record was replaced although its condition did not hold; do not use this server as a cache",
          ),
        ];
  } catch (error) {
    if (!(error instanceof CacheUnavailable)) throw error;
    return [
      wrong(`${messageOf(error)}; let AEROSPIKE_USER read and write the namespace, and check its room`),
    ];
  }
}
