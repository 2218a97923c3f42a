import { describe, expect, it } from "vitest";
import type { UpstreamAnswer } from "../../ports/upstream.js";
import { createBackgroundReads } from "./background-reads.js";

/** Calls that end when they are told to. */
function calls() {
  const open: ((answer: UpstreamAnswer) => void)[] = [];
  const send = () => new Promise<UpstreamAnswer>((resolve) => open.push(resolve));
  const end = async (status: number) => {
    open.shift()?.({ status, headers: {}, body: new Uint8Array(0) });
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { open, send, end };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("background reads", () => {
  it("keep four requests of a namespace in flight, and serve the others in order", async () => {
    const reads = createBackgroundReads();
    const { open, send, end } = calls();
    const done = Promise.all(Array.from({ length: 6 }, () => reads.run("films", send)));
    await settle();
    expect(open).toHaveLength(4);
    await end(200);
    expect(open).toHaveLength(4);
    for (let at = 0; at < 5; at += 1) await end(200);
    expect(await done).toHaveLength(6);
  });

  it("do not let one namespace wait for another", async () => {
    const reads = createBackgroundReads();
    const { open, send } = calls();
    for (let at = 0; at < 5; at += 1) void reads.run("films", send);
    void reads.run("songs", send);
    await settle();
    expect(open).toHaveLength(5);
  });

  it("halve on a 429 and recover with good answers", async () => {
    const reads = createBackgroundReads();
    const { open, send, end } = calls();
    for (let at = 0; at < 100; at += 1) void reads.run("films", send);
    await settle();
    await end(429);
    await end(200);
    await end(200);
    expect(open).toHaveLength(2);
    for (let at = 0; at < 40; at += 1) await end(200);
    expect(open).toHaveLength(4);
  });

  it("never halve to none", async () => {
    const reads = createBackgroundReads();
    const { open, send, end } = calls();
    for (let at = 0; at < 20; at += 1) void reads.run("films", send);
    await settle();
    for (let at = 0; at < 10; at += 1) await end(429);
    expect(open).toHaveLength(1);
  });

  it("let a waiting caller leave", async () => {
    const reads = createBackgroundReads();
    const { open, send, end } = calls();
    for (let at = 0; at < 4; at += 1) void reads.run("films", send);
    const abort = new AbortController();
    const left = reads.run("films", send, abort.signal);
    abort.abort(new Error("drained"));
    await expect(left).rejects.toThrow("drained");
    await end(200);
    expect(open).toHaveLength(3);
  });

  it("give the place of a failed request to the next", async () => {
    const reads = createBackgroundReads();
    const failing = () => Promise.reject(new Error("reset"));
    for (let at = 0; at < 10; at += 1) await expect(reads.run("films", failing)).rejects.toThrow("reset");
    const { open, send } = calls();
    for (let at = 0; at < 4; at += 1) void reads.run("films", send);
    await settle();
    expect(open).toHaveLength(4);
  });
});
