import { readFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock } from "../clock.js";
import { createLog } from "../log.js";
import { noMetrics } from "../metrics.js";
import { createBegin } from "./begin.js";
import { createDrainState } from "./drain.js";
import { createPage } from "./page.js";

let server: http.Server;
afterEach(() => new Promise((resolve) => server.close(resolve)));

async function load(localKey: string | undefined, host = "127.0.0.1:8080") {
  const app = express();
  app.use(
    createBegin({
      clock: systemClock,
      log: createLog("silent"),
      newId: () => "id",
      drain: createDrainState("/nonexistent"),
      metrics: noMetrics,
    }),
  );
  app.get("/", await createPage({ localKey }));
  server = http.createServer(app);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return new Promise<{ headers: http.IncomingHttpHeaders; html: string }>((resolve, reject) => {
    const request = http.get({ port, path: "/", headers: { host }, agent: false }, (answer) => {
      let html = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        html += chunk;
      });
      answer.once("end", () => resolve({ headers: answer.headers, html }));
    });
    request.once("error", reject);
  });
}

/** The key that the page starts with. */
function keyIn(html: string): unknown {
  const json = /<script id="bootstrap" type="application\/json">(.*?)<\/script>/s.exec(html)?.[1];
  return (JSON.parse(json ?? "") as { key?: string }).key;
}

describe("the page at /", () => {
  it("holds its style and its script, which its policy names by hash, and loads nothing", async () => {
    const { headers, html } = await load("tpuf_local");
    const script = await readFile(new URL("../../page/page.js", import.meta.url), "utf8");
    expect(html).toContain(script);
    expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(headers["content-security-policy"]).toMatch(/default-src 'none'.*script-src 'sha256-/);
    expect(html).not.toMatch(/(src|href)="https?:/);
    expect(html).not.toMatch(/\/\*(page\.css|page\.js|bootstrap)\*\//);
  });

  it.each(["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "localhost"])(
    "brings the well-known key to visitors who call this machine %s",
    async (host) => {
      expect(keyIn((await load("tpuf_local", host)).html)).toBe("tpuf_local");
    },
  );

  it("brings no key to a page whose name was made to point here", async () => {
    expect(keyIn((await load("tpuf_local", "evil.example.com:8080")).html)).toBeUndefined();
  });

  it("brings no key when the key is a secret", async () => {
    expect(keyIn((await load(undefined)).html)).toBeUndefined();
  });
});
