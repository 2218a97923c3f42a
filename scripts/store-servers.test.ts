/** `compose.yaml`, its Aerospike's configuration, the workflow and the variables of the storage suites agree with each other. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ROOT } from "./running-gateway.js";
import { storeServers } from "./store-servers.mjs";

interface Service {
  image: string;
  ports: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  healthcheck?: { test: string[] };
}

const read = (file: string): Promise<string> => readFile(join(ROOT, file), "utf8");

describe("the servers of compose.yaml", () => {
  let services: Record<string, Service>;
  let conf: string;
  beforeAll(async () => {
    services = (parse(await read("compose.yaml")) as { services: Record<string, Service> }).services;
    conf = await read("server/test/aerospike.conf");
  });

  /** Host and port a service is published at, and its port inside. */
  function published(name: string): { address: string; inside: string } {
    const [port = "", ...more] = services[name]?.ports ?? [];
    expect(more).toEqual([]);
    const [host, outside, inside = ""] = port.split(":");
    return { address: `${host}:${outside}`, inside };
  }

  it("are three, on loopback alone, of a fixed version, and waited for until they answer", () => {
    expect(Object.keys(services).sort()).toEqual(["aerospike", "postgres", "s3"]);
    for (const [name, { image, healthcheck }] of Object.entries(services)) {
      expect(published(name).address, name).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(image, name).toMatch(/^(\$\{[A-Z0-9_]+:-)?[a-z/-]+:v?\d+(\.\d+)*\}?$/);
      expect(healthcheck?.test[0], name).toBe("CMD-SHELL");
      expect(healthcheck?.test[1], name).toMatch(
        name === "postgres" ? /^pg_isready/ : new RegExp(`127\\.0\\.0\\.1[:/]${published(name).inside}\\b`),
      );
    }
  });

  it("have the Aerospike that the suites look for", () => {
    const { address, inside } = published("aerospike");
    expect(storeServers.AEROSPIKE_HOSTS).toBe(address);
    expect(services.aerospike?.volumes).toEqual([
      "./server/test/aerospike.conf:/etc/layer/aerospike.conf:ro",
    ]);
    const section = (name: string): string =>
      new RegExp(`^\\s*${name} \\{([^}]*)`, "m").exec(conf.replace(/#.*/g, ""))?.[1] ?? "";
    // A client goes where the server says it is: the address and port of this machine.
    expect(/network \{\s*service \{([^}]*)/.exec(conf.replace(/#.*/g, ""))?.[1]).toMatch(
      new RegExp(`port ${inside}\\s+access-address ${address.split(":")[0]}\\s`),
    );
    expect(address.split(":")[1]).toBe(inside);
    expect(section("service")).toMatch(/^\s*cluster-name \S+$/m);
    const namespace = section(`namespace ${storeServers.AEROSPIKE_NAMESPACE}`);
    expect(namespace).toMatch(/^\s*nsup-period [1-9]/m);
  });

  it("have the S3-compatible server that the suites look for", () => {
    const { address, inside } = published("s3");
    expect(storeServers.LAYER_TEST_S3_ENDPOINT).toBe(`http://${address}`);
    expect(inside).toBe("7070");
    expect(services.s3?.environment).toMatchObject({
      ROOT_ACCESS_KEY: storeServers.AWS_ACCESS_KEY_ID,
      ROOT_SECRET_KEY: storeServers.AWS_SECRET_ACCESS_KEY,
    });
  });

  it("have the PostgreSQL that the suites look for", () => {
    const { address, inside } = published("postgres");
    const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = services.postgres?.environment ?? {};
    expect(storeServers.LAYER_TEST_DATABASE_URL).toBe(
      `postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@${address}/${POSTGRES_DB}`,
    );
    expect(inside).toBe("5432");
  });

  it("are started by the workflow as by a reader of the file, with the client the gateway takes", async () => {
    const workflow = parse(await read(".github/workflows/stores.yml")) as {
      jobs: Record<string, { steps: { run?: string; if?: string }[] }>;
    };
    const steps = Object.values(workflow.jobs).flatMap((job) => job.steps.flatMap(({ run }) => run ?? []));
    const at = ["aerospike@", "docker compose up", "npm run test:stores"].map((words) =>
      steps.findIndex((step) => step.includes(words)),
    );
    expect(at).toEqual(at.toSorted((a, b) => a - b));
    expect(at).not.toContain(-1);
    const { peerDependencies } = JSON.parse(await read("server/package.json")) as {
      peerDependencies: { aerospike: string };
    };
    const version = peerDependencies.aerospike.replace("^", "");
    for (const text of [...steps, await read("compose.yaml")].filter((each) => each.includes("aerospike@")))
      expect(text).toContain(`aerospike@${version}`);
  });
});
