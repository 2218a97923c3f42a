import { describe, expect, it } from "vitest";
import { createJobBoard, JOB_RETENTION_MS, type JobBase, JobTaken } from "./job-board.js";
import { createMemoryShelf } from "./memory-shelf.js";

interface CountingJob extends JobBase {
  readonly count: number;
}

function setUp() {
  const time = { now: 1_000_000 };
  const clock = { now: () => time.now, monotonic: () => time.now };
  const blobs = createMemoryShelf();
  const board = () => createJobBoard<CountingJob>({ blobs, clock }, { kind: "count" });
  const job = (id: string): CountingJob => ({
    id,
    status: "running",
    createdAt: time.now,
    generation: 0,
    count: 0,
  });
  const end = (current: CountingJob): CountingJob => ({
    ...current,
    status: "completed",
    completedAt: time.now,
  });
  return { time, blobs, board, job, end };
}

describe("a job board", () => {
  it("gives every replica that submits at once the same running job", async () => {
    const { board, job } = setUp();
    const submitted = await Promise.all(
      Array.from({ length: 20 }, (_, n) => board().submit("films", () => job(`job-${n}`))),
    );
    expect(new Set(submitted.map(({ id }) => id)).size).toBe(1);
    expect(await board().list("films")).toHaveLength(1);
  });

  it("starts another job once the first has ended, and lists the oldest first", async () => {
    const { board, job, end } = setUp();
    await board().submit("films", () => job("first"));
    await board().change("films", "first", 1, end);
    await board().submit("films", () => job("second"));
    expect((await board().list("films")).map(({ id, status }) => [id, status])).toEqual([
      ["first", "completed"],
      ["second", "running"],
    ]);
  });

  it("keeps the jobs of namespaces apart", async () => {
    const { board, job } = setUp();
    await board().submit("films", () => job("a"));
    await board().submit("songs", () => job("b"));
    expect((await board().list("songs")).map(({ id }) => id)).toEqual(["b"]);
  });

  it("refuses an owner below the newest generation that touched the job", async () => {
    const { board, job } = setUp();
    await board().submit("films", () => job("a"));
    await board().change("films", "a", 7, (current) => current);
    const late = board().change("films", "a", 6, (current) => ({ ...current, count: 99 }));
    await expect(late).rejects.toThrow(JobTaken);
    expect((await board().list("films"))[0]).toMatchObject({ count: 0, generation: 7 });
  });

  it("refuses to change a job that has ended or is gone", async () => {
    const { board, job, end } = setUp();
    await board().submit("films", () => job("a"));
    await board().change("films", "a", 1, end);
    await expect(board().change("films", "a", 1, end)).rejects.toThrow("job a has completed");
    await expect(board().change("films", "b", 1, end)).rejects.toThrow("job b is gone");
  });

  it("loses no change when many are made at once", async () => {
    const { board, job } = setUp();
    await board().submit("films", () => job("a"));
    const one = board();
    await Promise.all(
      Array.from({ length: 8 }, () =>
        one.change("films", "a", 1, (current) => ({ ...current, count: current.count + 1 })),
      ),
    );
    expect((await board().list("films"))[0]?.count).toBe(8);
  });

  it("shows an ended job for an hour", async () => {
    const { board, job, end, time } = setUp();
    await board().submit("films", () => job("a"));
    await board().change("films", "a", 1, end);
    time.now += JOB_RETENTION_MS - 1;
    expect(await board().list("films")).toHaveLength(1);
    time.now += 1;
    expect(await board().list("films")).toHaveLength(0);
  });

  it("never drops a running job, however old it is and however many follow", async () => {
    const { board, job, time } = setUp();
    await board().submit("films", () => job("a"));
    time.now += 10 * JOB_RETENTION_MS;
    await board().change("films", "a", 1, (current) => current);
    expect(await board().list("films")).toHaveLength(1);
  });

  it("names the namespaces with a running job, reading only what has changed", async () => {
    const { board, job, end, blobs } = setUp();
    const seeing = board();
    await board().submit("films", () => job("a"));
    await board().submit("songs", () => job("b"));
    expect(await seeing.running()).toEqual(["films", "songs"]);
    let reads = 0;
    const { get } = blobs;
    blobs.get = (key, options) => {
      reads += 1;
      return get(key, options);
    };
    expect(await seeing.running()).toEqual(["films", "songs"]);
    expect(reads).toBe(0);
    await board().change("films", "a", 1, end);
    expect(await seeing.running()).toEqual(["songs"]);
  });

  it("forgets a namespace and says how much went", async () => {
    const { board, job } = setUp();
    await board().submit("films", () => job("a"));
    expect(await board().forget("films")).toBe(1);
    expect(await board().forget("films")).toBe(0);
    expect(await board().list("films")).toEqual([]);
  });
});
