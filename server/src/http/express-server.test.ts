import http from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express } from "express";
import { describe, expect, it } from "vitest";
import { createExpressServer } from "./express-server.js";

function sample(): Express {
  const app = express();
  app.set("etag", false);
  const router = express.Router();
  router.get("/items/:id", (req, res) => {
    res.set("x-item", req.params.id).json({ params: req.params, query: req.query, base: req.baseUrl });
  });
  app.use("/sub", router);
  app.get("/facts", (req, res) => {
    res.json({
      ip: req.ip,
      path: req.path,
      protocol: req.protocol,
      fresh: req.fresh,
      xhr: req.xhr,
      accepts: req.accepts(["json", "html"]) || null,
      agent: req.get("user-agent") ?? null,
      subdomains: req.subdomains,
      sameApp: req.app === app && res.app === app,
      linked: req.res === res && res.req === req,
      incoming: req instanceof http.IncomingMessage && res instanceof http.ServerResponse,
    });
  });
  app.get("/redirect", (_req, res) => res.redirect("/facts"));
  app.get("/status", (_req, res) => res.status(418).type("text").send("teapot"));
  app.get("/cookie", (_req, res) => res.cookie("a", "b").sendStatus(204));
  app.get("/throw", () => {
    throw new Error("sample failure");
  });
  app.post("/json", express.json(), (req, res) => res.json(req.body));
  return app;
}

async function answers(server: http.Server): Promise<unknown[]> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const calls: [string, RequestInit?][] = [
    ["/sub/items/a%2Fb?x=1&x=2&y[z]=3"],
    ["/facts", { headers: { accept: "text/html", "user-agent": "sample" } }],
    ["/facts", { method: "HEAD" }],
    ["/facts", { method: "OPTIONS" }],
    ["/redirect", { redirect: "manual" }],
    ["/status"],
    ["/cookie"],
    ["/throw"],
    ["/nothing/here"],
    ["/sub/items/%zz"],
    ["/json", { method: "POST", headers: { "content-type": "application/json" }, body: '{"a":[1,null]}' }],
    ["/json", { method: "POST", headers: { "content-type": "application/json" }, body: "{" }],
  ];
  const seen: unknown[] = [];
  for (const [path, init] of calls) {
    const answer = await fetch(base + path, init);
    const headers = Object.fromEntries(answer.headers);
    delete headers.date;
    // Stack traces of the default error page name the wrapper's frames; the message is what must agree.
    const body = (await answer.text()).replace(/<br> &nbsp;.*/s, "");
    if (headers["content-length"] !== undefined && answer.status >= 400) delete headers["content-length"];
    seen.push({ path, status: answer.status, headers, body });
  }
  await new Promise((resolve) => server.close(resolve));
  return seen;
}

describe("an express server with pre-wired prototypes", () => {
  it("answers as plain Express does", async () => {
    expect(await answers(createExpressServer(sample()))).toEqual(await answers(http.createServer(sample())));
  });

  it("never re-parents a request or a response", async () => {
    const app = express();
    const before: object[] = [];
    const after: object[] = [];
    app.get("/", (req, res) => {
      after.push(Object.getPrototypeOf(req), Object.getPrototypeOf(res));
      res.end();
    });
    const server = createExpressServer(app);
    server.prependListener("request", (req, res) => {
      before.push(Object.getPrototypeOf(req), Object.getPrototypeOf(res));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await new Promise((resolve) => server.close(resolve));
    expect(after).toHaveLength(2);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toBe(before[1]);
  });
});
