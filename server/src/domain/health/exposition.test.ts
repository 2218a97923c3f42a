import { describe, expect, it } from "vitest";
import type { MetricRegistry } from "../../ports/metric-registry.js";
import type { Principal } from "../../principal.js";
import { createExposition } from "./exposition.js";

const namespaces = ["orders", "products", "other"];

function exposition(isPublic: boolean) {
  let now = 0;
  let renders = 0;
  const registry: MetricRegistry = {
    async render(shows) {
      renders++;
      return { contentType: "text/plain", text: namespaces.filter(shows).join(" ") };
    },
  };
  const { scrape } = createExposition({ registry, clock: { monotonic: () => now } }, { isPublic });
  return {
    textFor: async (principal: Principal) => (await scrape(principal)).text,
    renders: () => renders,
    advance: (ms: number) => (now += ms),
  };
}

const stranger: Principal = { name: "anonymous", scopes: new Set(), grants: [] };
const reader = (...grants: string[]): Principal => ({ name: "reader", scopes: new Set(["read"]), grants });
const writer: Principal = { name: "writer", scopes: new Set(["write"]), grants: ["*"] };
const admin: Principal = { name: "store-key", scopes: new Set(["read", "write", "admin"]), grants: ["*"] };

describe("the metrics' namespaces", () => {
  it.each([
    ["nobody without a key", stranger, ""],
    ["no key that may not read", writer, ""],
    ["the store's key, all of them", admin, "orders products other"],
    ["a key for some, those", reader("prod*"), "products"],
  ])("are shown to %s", async (_who, principal, expected) => {
    expect(await exposition(false).textFor(principal)).toBe(expected);
  });

  it("are shown to everyone where they are public", async () => {
    expect(await exposition(true).textFor(stranger)).toBe("orders products other");
    expect(await exposition(true).textFor(reader("prod*"))).toBe("orders products other");
  });
});

describe("a flood of strangers", () => {
  it("costs one answer a second", async () => {
    const { textFor, renders, advance } = exposition(false);
    await Promise.all([textFor(stranger), textFor(stranger), textFor(stranger)]);
    advance(999);
    await textFor(stranger);
    expect(renders()).toBe(1);
    advance(1);
    await textFor(stranger);
    expect(renders()).toBe(2);
  });

  it("is not given a failure again", async () => {
    let isBroken = true;
    const registry: MetricRegistry = {
      render: async () => {
        if (isBroken) throw new Error("a worker does not answer");
        return { contentType: "text/plain", text: "fine" };
      },
    };
    const { scrape } = createExposition({ registry, clock: { monotonic: () => 0 } }, { isPublic: false });
    await expect(scrape(stranger)).rejects.toThrow("a worker does not answer");
    isBroken = false;
    expect((await scrape(stranger)).text).toBe("fine");
  });
});
