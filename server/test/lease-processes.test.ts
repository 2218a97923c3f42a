/**
 * Two gateway-like processes over one S3 server, killed and stopped for real: partitions move on within twice the time to
 * live, nothing a superseded owner does lands, and nothing that was acknowledged is lost.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectS3BlobStore } from "../src/adapters/blobs/s3.js";
import { parseFenced } from "../src/domain/fenced-blob.js";
import { type MotoServer, motoCredentials, startMoto } from "./moto-server.js";

const TTL_MS = 2_400;
const PARTITIONS = 4;
const BUCKET = "leases";
const program = fileURLToPath(new URL("./lease-replica.ts", import.meta.url));

interface Replica {
  name: string;
  process: ChildProcess;
  /** Words of its lines so far. */
  lines: string[][];
}

describe("two processes over one S3 server", () => {
  let moto: MotoServer;
  const replicas: Replica[] = [];
  beforeAll(async () => {
    moto = await startMoto(BUCKET);
  });
  afterAll(() => {
    for (const replica of replicas) replica.process.kill("SIGKILL");
    moto?.stop();
  });

  function start(name: string): Replica {
    const words = [program, moto.endpoint, BUCKET, name, String(TTL_MS), String(PARTITIONS)];
    const child = spawn(process.execPath, ["--import", "tsx", ...words], {
      stdio: ["ignore", "pipe", "ignore"],
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
    expect.poll(() => open(replica).size, { timeout: 20_000, interval: 20 }).toBe(count);

  it("hand partitions over when one is killed, and refuse one that was stopped and wakes", async () => {
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
    await expect.poll(lostAll, { timeout: 10_000 }).toBe(true);
    for (const replica of replicas) replica.process.kill("SIGKILL");

    const blobs = await connectS3BlobStore({
      bucket: BUCKET,
      endpoint: moto.endpoint,
      credentials: motoCredentials,
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
  }, 90_000);
});
