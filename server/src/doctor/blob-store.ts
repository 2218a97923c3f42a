/** The blob store: reach, permissions, conditional writes, clock. */

import { existsSync } from "node:fs";
import { probeConditionalWrites } from "../adapters/blobs/conditional-writes.js";
import { openEmbeddedBlobStore } from "../adapters/blobs/embedded.js";
import { connectS3BlobStore } from "../adapters/blobs/s3.js";
import { environmentDamage } from "../adapters/lmdb/meta-pages.js";
import { type BlobStore, BlobStoreError } from "../ports/blob-store.js";
import type { BlobStoreConfig, S3Config } from "../store-config.js";
import { judgeDateHeader } from "./clock-skew.js";
import { checkDirectory } from "./data-directory.js";
import type { DoctorDependencies } from "./dependencies.js";
import { type Finding, isUsable, messageOf, off, ok, wrong } from "./finding.js";
import { probeHttp } from "./http-probe.js";

const TIMEOUT_MS = 10_000;

export async function checkBlobStore(
  config: BlobStoreConfig,
  dependencies: DoctorDependencies,
): Promise<Finding[]> {
  if (config.kind === "off") return [off(config.detail)];
  if (config.kind === "s3") return checkS3(config, dependencies);
  const { directory } = config;
  const findings = await checkDirectory(directory);
  if (!isUsable(findings) || !existsSync(directory)) return findings;
  const damage = environmentDamage(directory);
  if (damage !== undefined) return [wrong(`${damage}; restore ${directory} from a backup`)];
  const { clock, log } = dependencies;
  const store = await openEmbeddedBlobStore({ directory, clock, log });
  try {
    return [...findings, ...(await probe(store, dependencies.newId()))];
  } finally {
    await store.close();
  }
}

async function checkS3(config: S3Config, { clock, newId }: DoctorDependencies): Promise<Finding[]> {
  const { kind: _, ...options } = config;
  const store = await connectS3BlobStore({ ...options, timeoutMs: TIMEOUT_MS });
  try {
    await store.ping();
    const place = config.endpoint ?? `S3 in ${config.region}`;
    return [
      ok(`${place} answers and lists the bucket ${config.bucket}`),
      ...(await probe(store, newId())),
      ...(await checkClock(config, clock.now)),
    ];
  } catch (error) {
    return [wrong(advised(error))];
  } finally {
    await store.close();
  }
}

/** Writes, replaces and removes a key under `probes/`. */
async function probe(store: BlobStore, id: string): Promise<Finding[]> {
  try {
    await probeConditionalWrites(store, id);
    // The probe is removed whatever happens; here the permission to do so is what counts.
    await store.delete(`probes/${id}`);
    return [ok("conditional writes settle races; reading, writing and deleting are allowed")];
  } catch (error) {
    return [wrong(advised(error))];
  }
}

/** What the store said, and what to do about it where it did not say that itself. */
function advised(error: unknown): string {
  const message = messageOf(error);
  if (!(error instanceof BlobStoreError)) return message;
  if (error.reason === "denied" && !message.includes("clock"))
    return `${message}; allow s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, s3:DeleteObject on its keys, or give other credentials (AWS_ACCESS_KEY_ID, AWS_PROFILE, a role)`;
  if (error.reason === "unavailable" || error.reason === "timeout")
    return `${message}; check S3_ENDPOINT, S3_REGION and the network`;
  return message;
}

async function checkClock({ endpoint, region }: S3Config, now: () => number): Promise<Finding[]> {
  const asked = now();
  const answer = await probeHttp(endpoint ?? `https://s3.${region}.amazonaws.com`, { method: "HEAD" });
  // The store has answered before, so this is about its front door only, and says nothing about clocks.
  if (typeof answer === "string") return [];
  return [
    ...judgeDateHeader(answer.date, (asked + now()) / 2),
    ...(answer.server === undefined ? [] : [ok(`it calls itself ${answer.server}`)]),
  ];
}
