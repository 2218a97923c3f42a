import { afterAll, describe, expect, it } from "vitest";
import { startScriptedServer } from "./scripted-server.js";
import { compareWire } from "./wire-expect.js";

const server = await startScriptedServer();
afterAll(() => server.close());

describe("the scripted server", () => {
  it("answers in order, each answer as often as it may, and records what came raw", async () => {
    const script = server.open("/one", [
      { on: "POST /one/a%2Fb", status: 201, json: { id: 18446744073709551615n } },
      { times: 2, text: "again" },
    ]);
    const first = await fetch(`${server.url}/one/a%2Fb?x=%20`, { method: "POST", body: '{"n":1}' });
    expect([first.status, await first.text()]).toEqual([201, '{"id":18446744073709551615}']);
    expect(await (await fetch(`${server.url}/one`)).text()).toBe("again");
    expect(script.problems()).toEqual(["script: the answer 200 for any request was asked 1 of 2 times"]);
    const wire = { only: "POST", requests: [{ path: "/one/a%2Fb", query: "x=%20", json_exact: { n: 1 } }] };
    expect(compareWire(script.requests, wire)).toEqual([]);
    expect(compareWire(script.requests, { requests: [] }).join()).toContain(
      "2 requests (POST /one/a%2Fb, GET /one), expected 0",
    );
    const different = { only: "POST", requests: [{ json: { n: 2 }, absent_headers: ["host"] }] };
    expect(compareWire(script.requests, different)).toEqual([
      "wire: request 1/headers/host: was sent, expected none",
      "wire: request 1/json/n: got 1, expected 2",
    ]);
  });

  it("tells cases apart by their mark", async () => {
    const left = server.open("left", [{ text: "l" }]);
    const right = server.open("right", [{ text: "r" }]);
    expect(await (await fetch(`${server.url}/v2/right`)).text()).toBe("r");
    expect(await (await fetch(`${server.url}/v1?prefix=left`)).text()).toBe("l");
    expect([left.problems(), right.problems()]).toEqual([[], []]);
    server.release("left");
    expect((await fetch(`${server.url}/v2/left`)).status).toBe(404);
  });

  it("answers what a gateway asks on its own account, as its script says or else that nothing is there", async () => {
    const metadata = `${server.url}/v2/namespaces/polled/metadata`;
    const script = server.open(
      "polled",
      [{ json: { any: 1 } }, { on: "GET /v2/namespaces/polled/metadata", json: { index: 1 } }],
      true,
    );
    expect(await (await fetch(metadata)).text()).toBe('{"index":1}');
    expect((await fetch(metadata)).status).toBe(404);
    expect(await (await fetch(`${server.url}/v2/namespaces/polled`)).text()).toBe('{"any":1}');
    expect(script.problems()).toEqual([]);
    expect(script.requests.map(({ path }) => path)).toEqual([
      "/v2/namespaces/polled/metadata",
      "/v2/namespaces/polled",
    ]);
  });

  it("takes nothing for a gateway's own where there is no gateway", async () => {
    const script = server.open("alone", []);
    await fetch(`${server.url}/v2/namespaces/alone/metadata`);
    expect(script.problems()).toEqual(["script: no answer was left for GET /v2/namespaces/alone/metadata"]);
  });

  it("resets, cuts short and stalls on command", async () => {
    server.open("/fault", [
      { reset: true },
      { json: { long: "enough" }, cut_after: 3 },
      { json: { long: "enough" }, stall_after: 3 },
    ]);
    await expect(fetch(`${server.url}/fault`)).rejects.toThrow();
    const cut = await fetch(`${server.url}/fault`);
    await expect(cut.text()).rejects.toThrow();
    const stalled = await fetch(`${server.url}/fault`, { signal: AbortSignal.timeout(300) });
    await expect(stalled.text()).rejects.toMatchObject({ name: "TimeoutError" });
  });
});
