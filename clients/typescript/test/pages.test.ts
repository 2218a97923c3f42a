import { afterEach, describe, expect, it } from "vitest";
import { CancelledError, Hevlayer, PageError } from "../src/index.js";
import { type Answer, type FaultServer, startFaultServer } from "./fault-server.js";

let server: FaultServer;

async function clientFor(...script: Answer[]): Promise<Hevlayer> {
  server = await startFaultServer(...script);
  return new Hevlayer({ baseUrl: server.url });
}

afterEach(() => server.close());

const page = (names: string[], next?: string | null): Answer => ({
  body: { namespaces: names.map((name) => ({ name })), ...(next === undefined ? {} : { next_cursor: next }) },
});

async function namesOf(items: AsyncIterable<{ name: string }>): Promise<string[]> {
  const names: string[] = [];
  for await (const item of items) names.push(item.name);
  return names;
}

describe("iterNamespaces", () => {
  it("walks all pages, goes on after an empty one, and repeats the options", async () => {
    const client = await clientFor(page(["a", "b"], "c1"), page([], "c2"), page(["c"]));
    expect(await namesOf(client.iterNamespaces({ prefix: "x", pageSize: 2 }))).toEqual(["a", "b", "c"]);
    expect(server.requests.map((request) => request.target)).toEqual([
      "/v2/namespaces?prefix=x&page_size=2",
      "/v2/namespaces?prefix=x&cursor=c1&page_size=2",
      "/v2/namespaces?prefix=x&cursor=c2&page_size=2",
    ]);
  });

  it.each([null, ""])("stops at the cursor %j", async (next) => {
    const client = await clientFor(page(["a"], next));
    expect(await namesOf(client.iterNamespaces())).toEqual(["a"]);
  });

  it("starts at a given cursor", async () => {
    const client = await clientFor(page(["z"]));
    await namesOf(client.iterNamespaces({ cursor: "here" }));
    expect(server.requests[0]?.target).toBe("/v2/namespaces?cursor=here");
  });

  it("refuses a cursor that came before", async () => {
    const client = await clientFor(page(["a"], "c1"), page(["b"], "c2"), page(["c"], "c1"));
    await expect(namesOf(client.iterNamespaces())).rejects.toBeInstanceOf(PageError);
    expect(server.requests).toHaveLength(3);
  });

  it("refuses the cursor it started at when that comes back", async () => {
    const client = await clientFor(page(["a"], "here"));
    await expect(namesOf(client.iterNamespaces({ cursor: "here" }))).rejects.toBeInstanceOf(PageError);
    expect(server.requests).toHaveLength(1);
  });

  it("gives whole pages and reads no further than asked", async () => {
    const client = await clientFor(page(["a"], "c1"), page(["b"], "c2"));
    for await (const one of client.iterNamespaces().pages()) {
      expect(one.namespaces).toHaveLength(1);
      break;
    }
    expect(server.requests).toHaveLength(1);
  });

  it("goes on to the page that the server named, whatever becomes of the page that was handed out", async () => {
    const client = await clientFor(page(["a"], "c1"), page(["b"]));
    const seen: number[] = [];
    for await (const one of client.iterNamespaces().pages()) {
      seen.push(one.namespaces.splice(0).length);
      one.next_cursor = "elsewhere";
    }
    expect(seen).toEqual([1, 1]);
    expect(server.requests[1]?.target).toBe("/v2/namespaces?cursor=c1");
  });

  it("is cancelled between pages", async () => {
    const client = await clientFor(page(["a"], "c1"), page(["b"], "c2"));
    const controller = new AbortController();
    const walk = async () => {
      for await (const _item of client.iterNamespaces({ signal: controller.signal })) controller.abort();
    };
    await expect(walk()).rejects.toBeInstanceOf(CancelledError);
  });
});
