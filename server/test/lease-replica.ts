/**
 * One replica of `lease-processes.test.ts`: it shares partitions with others over S3 and, as an owner, adds entries to a blob
 * of each. A stand-in for the background work, with a line on standard output for everything that happened.
 *
 * Arguments: endpoint, bucket, owner, time to live in ms, partitions. Credentials come from the environment.
 */

import { randomUUID } from "node:crypto";
import { writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { openS3BlobStore } from "../src/adapters/blobs/s3.js";
import { systemClock } from "../src/clock.js";
import { createFencedBlob } from "../src/domain/replicas/fenced-blob.js";
import { createLeases, type Lease, LeaseLost } from "../src/domain/replicas/leases.js";
import { createMembership } from "../src/domain/replicas/membership.js";
import { createPartitionOwner } from "../src/domain/replicas/partitions.js";

const [endpoint = "", bucket = "", name = "", ttl = "", count = ""] = process.argv.slice(2);
const ttlMs = Number(ttl);
const blobs = await openS3BlobStore({ bucket, endpoint, timeoutMs: ttlMs });
const leases = createLeases({ blobs, clock: systemClock }, { owner: name, ttlMs });
const owner = createPartitionOwner({ blobs, leases, random: Math.random }, { partitions: Number(count) });
const membership = createMembership(
  { blobs, clock: systemClock, raiseClock: () => undefined },
  { id: name, writeDeadlineMs: ttlMs, ttlMs },
);

/** Synchronous, so that a line is out before the next step begins. */
const say = (...words: (string | number)[]): void => void writeSync(1, `${words.join(" ")}\n`);
const complain = (error: unknown): void =>
  say("failed", error instanceof Error ? error.message : String(error));

async function work(lease: Lease): Promise<void> {
  const { partition, generation } = lease;
  const blob = createFencedBlob({ blobs, leases, ids: randomUUID }, `work/${partition}`, lease);
  let content = Buffer.from((await blob.open()) ?? []).toString();
  say("opened", partition, generation);
  for (let entry = 0; ; entry += 1) {
    const next = `${content}${generation} ${name} ${entry}\n`;
    await blob.write(Buffer.from(next));
    say("wrote", partition, generation, entry);
    content = next;
    await pause(100);
  }
}

/** Goes on after whatever the store does, until the lease is another's or its time is over. */
async function workUntilLost(lease: Lease): Promise<void> {
  for (;;) {
    try {
      await work(lease);
    } catch (error) {
      if (error instanceof LeaseLost) return say("lost", lease.partition, lease.generation);
      complain(error);
      await pause(50);
    }
  }
}

async function watch(): Promise<void> {
  const working = new Set<string>();
  for (;;) {
    for (const lease of owner.held()) {
      const id = `${lease.partition} ${lease.generation}`;
      if (working.has(id)) continue;
      working.add(id);
      void workUntilLost(lease);
    }
    await pause(20);
  }
}

async function step(): Promise<void> {
  for (;;) {
    const alive = membership.others().filter((member) => member.status === "alive").length;
    await owner.runOnce(alive + 1).catch(complain);
    await pause(ttlMs / 4);
  }
}

const state = () => ({ low: Date.now(), clock: Date.now(), writes: new Map<string, number>() });
await membership.beat(state());
async function beat(): Promise<void> {
  for (;;) {
    await membership.beat(state()).catch(complain);
    await pause(ttlMs / 5);
  }
}

void beat();
void watch();
void step();
