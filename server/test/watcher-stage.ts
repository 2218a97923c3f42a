/** What tests of the watcher stand on: an upstream whose metadata they set, and clocks that they move. */

import { type ConsistencyOptions, createConsistency } from "../src/domain/consistency/create-consistency.js";
import { createBackgroundReads } from "../src/domain/jobs/background-reads.js";
import type { UpstreamAnswer } from "../src/ports/upstream.js";
import { handClocks, type MemoryBlobs } from "./memory-blobs.js";
import { answerJson, type Script, scriptedUpstream } from "./upstream-double.js";

export const START = 1_700_000_000_000;
export const MARGIN = 500;
const stamped = { schema: { id: "uint", _hevlayer_upserted_at: "int" } };
export const upToDate = { ...stamped, index: { status: "up-to-date" } };
export const updating = { ...stamped, index: { status: "updating", unindexed_bytes: 9 } };
export const at = (ms: number): string => new Date(ms).toISOString();

interface Options extends Partial<ConsistencyOptions> {
  blobs?: MemoryBlobs | undefined;
}

/** A watcher over an upstream whose metadata is whatever the test says it is at the time. */
export function watcherStage({ blobs, ...options }: Options = {}) {
  const clocks = handClocks(START);
  const now: { answer: UpstreamAnswer | Error; script: Script | undefined } = {
    answer: answerJson(upToDate),
    script: undefined,
  };
  const upstream = scriptedUpstream((request) => now.script?.(request) ?? now.answer);
  const consistency = createConsistency(
    {
      upstream,
      clock: clocks.clock,
      blobs,
      backgroundReads: createBackgroundReads(),
      random: () => 0,
    },
    { replicaId: "r", ...options },
  );
  const { watcher } = consistency;
  const heard: string[] = [];
  watcher.on({
    stable: (namespace, watermark) => heard.push(`stable ${namespace} ${watermark - START}`),
    foreignWrite: (namespace) => heard.push(`foreign ${namespace}`),
    dropped: (namespace) => heard.push(`dropped ${namespace}`),
  });
  /** Lets time pass in steps of 250 ms, with the watcher's step after each. */
  async function run(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 250) {
      clocks.pass(250);
      await watcher.runOnce();
    }
  }
  const shows = (metadata: object): void => {
    now.answer = answerJson(metadata);
  };
  const polls = (): number => upstream.requests.length;
  return { ...clocks, ...consistency, upstream, now, heard, run, shows, polls };
}
