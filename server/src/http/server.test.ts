import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import express from "express";
import { describe, expect, it } from "vitest";
import { systemClock } from "../clock.js";
import { createLog } from "../log.js";
import { noMetrics } from "../metrics.js";
import { createBegin } from "./begin.js";
import { createDrainState, type DrainState } from "./drain.js";
import { listen } from "./server.js";

const options = {
  host: "127.0.0.1",
  port: 0,
  keepAliveTimeoutMs: 75_000,
  headersTimeoutMs: 60_000,
  requestTimeoutMs: 300_000,
};
const told = { log: createLog("silent"), metrics: noMetrics, newId: () => "id" };
const NO_MARKER = "/nonexistent/marker";

function slowApp(drain: DrainState) {
  let finish = () => {};
  const started = { count: 0 };
  const app = express();
  app.use(createBegin({ clock: systemClock, drain, ...told }));
  app.get("/slow", async (_request, response) => {
    started.count++;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    response.send("done");
  });
  app.get("/fast", (_request, response) => void response.send("fast"));
  return { app, started, finish: () => finish() };
}

describe("the server", () => {
  it("finishes the requests in flight before it closes, and takes new ones meanwhile", async () => {
    const drain = createDrainState(NO_MARKER);
    const { app, started, finish } = slowApp(drain);
    const server = await listen({ app, drain, ...told }, options);
    const slow = fetch(`${server.url}/slow`);
    await expect.poll(() => started.count).toBe(1);
    const closed = server.close(10_000);
    expect(drain.draining).toBe(true);
    expect(await (await fetch(`${server.url}/fast`)).text()).toBe("fast");
    finish();
    expect(await (await slow).text()).toBe("done");
    expect(await closed).toBe(0);
    await expect(fetch(`${server.url}/fast`)).rejects.toThrow();
  });

  it("cuts off what does not finish in time, and says how much", async () => {
    const drain = createDrainState(NO_MARKER);
    const { app, started } = slowApp(drain);
    const server = await listen({ app, drain, ...told }, options);
    const slow = fetch(`${server.url}/slow`);
    slow.catch(() => {});
    await expect.poll(() => started.count).toBe(1);
    expect(await server.close(50)).toBe(1);
    await expect(slow).rejects.toThrow();
  });

  it("closes at once when nothing is in flight, idle connections included", async () => {
    const drain = createDrainState(NO_MARKER);
    const { app } = slowApp(drain);
    const server = await listen({ app, drain, ...told }, options);
    await (await fetch(`${server.url}/fast`)).text();
    const before = performance.now();
    await server.close(10_000);
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  it("keeps idle connections for longer than a load balancer does", async () => {
    const drain = createDrainState(NO_MARKER);
    const { app } = slowApp(drain);
    const server = await listen({ app, drain, ...told }, options);
    const answer = await fetch(`${server.url}/fast`);
    expect(answer.headers.get("keep-alive")).toBe("timeout=75");
    await answer.text();
    await server.close(0);
  });

  it("names the port and the way out when it is taken", async () => {
    const holder = net.createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const { port } = holder.address() as net.AddressInfo;
    await expect(
      listen({ app: express(), drain: createDrainState(NO_MARKER), ...told }, { ...options, port }),
    ).rejects.toThrow(
      `PORT=${port}: another process listens on 127.0.0.1:${port}; stop it, or set PORT to a free port`,
    );
    await new Promise((resolve) => holder.close(resolve));
  });

  it("names an address that is not this machine's", async () => {
    await expect(
      listen(
        { app: express(), drain: createDrainState(NO_MARKER), ...told },
        { ...options, host: "192.0.2.1" },
      ),
    ).rejects.toThrow(
      /^HOST=192\.0\.2\.1: cannot be listened on \(EADDRNOTAVAIL\); set HOST to an address of this machine$/,
    );
  });
});

describe("the drain marker", () => {
  it("drains for as long as the file is there", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "hevlayer-drain-"));
    const marker = path.join(folder, "draining");
    const drain = createDrainState(marker);
    await drain.poll();
    expect(drain.draining).toBe(false);
    await writeFile(marker, "");
    await drain.poll();
    expect(drain.draining).toBe(true);
    await rm(folder, { recursive: true });
    await drain.poll();
    expect(drain.draining).toBe(false);
    drain.begin();
    expect(drain.draining).toBe(true);
  });
});
