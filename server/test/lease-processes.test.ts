/**
 * Two gateway-like processes over one S3 server, killed and stopped for real: partitions move on within twice the time to
 * live, nothing a superseded owner does lands, and nothing that was acknowledged is lost.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { connectS3BlobStore } from "../src/adapters/blobs/s3.js";
import { parseFenced } from "../src/domain/replicas/fenced-blob.js";
import type { S3Server } from "./running-s3.js";
import { startS3 } from "./s3-server.js";

const TTL_MS = 3_000;
const PARTITIONS = 4;
/** Of this run alone: an external server may have those of earlier ones. */
const BUCKET = `leases-${randomUUID()}`;
const program = fileURLToPath(new URL("./lease-replica.ts", import.meta.url));

interface Replica {
  name: string;
  process: ChildProcess;
  /** Words of its lines so far. */
  lines: string[][];
}

describe("two processes over one S3 server", () => {
  let server: S3Server;
  const replicas: Replica[] = [];
  beforeAll(async () => {
    server = await startS3(BUCKET);
  });
  afterAll(() => {
    for (const replica of replicas) replica.process.kill("SIGKILL");
    server?.stop();
  });

  function start(name: string): Replica {
    const words = [program, server.endpoint, BUCKET, name, String(TTL_MS), String(PARTITIONS)];
    const { accessKeyId, secretAccessKey } = server.credentials;
    const child = spawn(process.execPath, ["--import", "tsx", ...words], {
      env: { ...process.env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const replica: Replica = { name, process: child, lines: [] };
    createInterface({ input: child.stdout }).on("line", (line) => replica.lines.push(line.split(" ")));
    replicas.push(replica);
    return replica;
  }

  /** Partitions a replica has opened and not lost since. */
  function open(replica: Replica): Set<string> {
    const partitions = new Set<string>();
    for (const [word, partition = ""] of replica.lines) {
      if (word === "opened") partitions.add(partition);
      if (word === "lost") partitions.delete(partition);
    }
    return partitions;
  }

  const holds = (replica: Replica, count: number) =>
    expect.poll(() => open(replica).size, { timeout: 30_000, interval: 20 }).toBe(count);

  it("hand partitions over when one is killed, and refuse one that was stopped and wakes", async () => {
    onTestFailed(() => {
      for (const { name, lines } of replicas)
        console.error(
          `${name}: ${lines
            .slice(-12)
            .map((words) => words.join(" "))
            .join(" | ")}`,
        );
    });
    const first = start("first");
    await holds(first, PARTITIONS);
    const second = start("second");
    await holds(second, PARTITIONS / 2);
    await holds(first, PARTITIONS / 2);

    first.process.kill("SIGKILL");
    const killed = performance.now();
    await holds(second, PARTITIONS);
    expect(performance.now() - killed).toBeLessThan(2 * TTL_MS);

    const third = start("third");
    await holds(third, PARTITIONS / 2);
    await holds(second, PARTITIONS / 2);
    const stopped = [...open(second)];
    const generation = (partition: string): number =>
      Math.max(
        ...second.lines
          .filter(([word, at]) => word === "opened" && at === partition)
          .map((words) => Number(words[2])),
      );
    const before = new Map(stopped.map((partition) => [partition, generation(partition)]));
    second.process.kill("SIGSTOP");
    await holds(third, PARTITIONS);
    second.process.kill("SIGCONT");
    const lostAll = (): boolean =>
      stopped.every((partition) =>
        second.lines.some(
          ([word, at, old]) => word === "lost" && at === partition && Number(old) === before.get(partition),
        ),
      );
    await expect.poll(lostAll, { timeout: 30_000 }).toBe(true);
    for (const replica of replicas) replica.process.kill("SIGKILL");

    const blobs = await connectS3BlobStore({
      bucket: BUCKET,
      endpoint: server.endpoint,
      credentials: server.credentials,
    });
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const blob = await blobs.get(`work/${partition}`);
      const entries = Buffer.from(parseFenced("work", blob?.body ?? Buffer.alloc(0)).content)
        .toString()
        .trimEnd()
        .split("\n");
      const generations = entries.map((entry) => Number(entry.split(" ")[0]));
      expect(generations).toEqual(generations.toSorted((a, b) => a - b));
      const owners = new Set(entries.map((entry) => entry.split(" ").slice(0, 2).join(" ")));
      expect(owners.size).toBe(new Set(generations).size);
      const acknowledged = replicas.flatMap(({ name, lines }) =>
        lines
          .filter(([word, at]) => word === "wrote" && at === String(partition))
          .map(([, , written, entry]) => `${written} ${name} ${entry}`),
      );
      expect(acknowledged.length).toBeGreaterThan(10);
      expect(acknowledged.filter((entry) => !entries.includes(entry))).toEqual([]);
    }
    await blobs.close();
  }, 120_000);
});
