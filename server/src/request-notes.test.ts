import { describe, expect, it } from "vitest";
import { RequestNotes } from "./request-notes.js";

describe("the upstream time of a request", () => {
  it("counts calls that overlap once, and the pauses between calls not at all", () => {
    const notes = new RequestNotes();
    notes.upstreamCalled(10);
    notes.upstreamCalled(15);
    notes.upstreamAnswered(20);
    notes.upstreamAnswered(30);
    notes.upstreamCalled(100);
    notes.upstreamAnswered(105);
    expect(notes.upstreamMs(200)).toBe(25);
    expect(notes.upstreamCalls).toBe(3);
  });

  it("counts a call that is still open up to now", () => {
    const notes = new RequestNotes();
    notes.upstreamCalled(10);
    expect(notes.upstreamMs(14)).toBe(4);
  });

  it("is 0 without a call", () => {
    expect(new RequestNotes().upstreamMs(1_000)).toBe(0);
  });
});
