import { describe, expect, it } from "vitest";
import { type EndedCall, observeCalls } from "./observed-calls.js";

class Store {
  readonly #secret = "kept";
  closed = false;
  get = async (key: string) => `${this.#secret} ${key}`;
  async put(): Promise<{ status: "stored" | "conflict" }> {
    return { status: "conflict" };
  }
  async fail(): Promise<void> {
    throw new Error("no answer");
  }
  async ping(): Promise<string> {
    return this.#secret;
  }
  close(): void {
    this.closed = true;
  }
  health(): string {
    return this.#secret;
  }
}

function observe() {
  let now = 0;
  const calls: EndedCall[] = [];
  let begun = 0;
  const store = observeCalls(new Store(), ["get", "put", "fail"], {
    clock: { monotonic: () => (now += 250) },
    ended: (call) => calls.push(call),
    begun: () => begun++,
  });
  return { store, calls, begun: () => begun };
}

describe("an observed store", () => {
  it("answers as before, and reports how long each call took and how it ended", async () => {
    const { store, calls, begun } = observe();
    expect(await store.get("a")).toBe("kept a");
    expect(await store.put()).toEqual({ status: "conflict" });
    await expect(store.fail()).rejects.toThrow("no answer");
    expect(calls).toEqual([
      { operation: "get", seconds: 0.25, status: "ok" },
      { operation: "put", seconds: 0.25, status: "conflict" },
      { operation: "fail", seconds: 0.25, status: "error" },
    ]);
    expect(begun()).toBe(3);
  });

  it("leaves every other member as it was, private fields included", async () => {
    const { store, calls } = observe();
    expect([await store.ping(), store.health(), store.closed]).toEqual(["kept", "kept", false]);
    store.close();
    expect(store.closed).toBe(true);
    expect(calls).toEqual([]);
  });
});
