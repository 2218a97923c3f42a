/** The process above, as one of its workers sees it. */

import type { Series } from "../adapters/metrics/series.js";
import { type Timers, within } from "../timers.js";
import { type FromWorker, isMessage, type ToWorker } from "./messages.js";

/** The channel to the process above. */
export interface Channel {
  send(message: FromWorker): void;
  onMessage(listener: (message: unknown) => void): void;
}

export interface WorkerLink {
  /** What the process above said first. */
  readonly begun: Promise<Extract<ToWorker, { type: "begin" }>>;
  /** Resolves when it says to leave. */
  readonly stopped: Promise<void>;
  /** Where the engine listens now; undefined where there is none. */
  engineUrl(): string | undefined;
  ready(url: string): void;
  failed(message: string): void;
  /** The series of every other process of this gateway. @throws Error when they cannot be had in time */
  collectOthers(): Promise<readonly Series[]>;
}

/** A little longer than the process above waits for the others, ms. */
const OTHERS_TIMEOUT_MS = 3_000;

/** @param collectOwn this process' series, to be given when they are asked for */
export function linkToPrimary(
  channel: Channel,
  timers: Timers,
  collectOwn: () => Promise<Series>,
): WorkerLink {
  const scrapes = new Map<number, (recordings: readonly Series[] | undefined) => void>();
  let lastId = 0;
  let engineUrl: string | undefined;
  let begin!: (message: Extract<ToWorker, { type: "begin" }>) => void;
  let stop!: () => void;
  const begun = new Promise<Extract<ToWorker, { type: "begin" }>>((resolve) => {
    begin = resolve;
  });
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });

  channel.onMessage((message) => {
    if (!isMessage<ToWorker>(message)) return;
    switch (message.type) {
      case "begin":
        engineUrl = message.engineUrl;
        begin(message);
        break;
      case "engine":
        engineUrl = message.url;
        break;
      case "collect":
        void collectOwn().then((series) => channel.send({ type: "series", id: message.id, series }));
        break;
      case "others":
        scrapes.get(message.id)?.(message.recordings);
        break;
      case "ping":
        channel.send({ type: "pong" });
        break;
      case "stop":
        stop();
        break;
    }
  });

  channel.send({ type: "hello" });
  return {
    begun,
    stopped,
    engineUrl: () => engineUrl,
    ready: (url) => channel.send({ type: "ready", url }),
    failed: (message) => channel.send({ type: "failed", message }),
    async collectOthers() {
      const id = ++lastId;
      const answer = new Promise<readonly Series[] | undefined>((resolve) => scrapes.set(id, resolve));
      channel.send({ type: "scrape", id, series: await collectOwn() });
      const recordings = await within(timers, OTHERS_TIMEOUT_MS, answer).finally(() => scrapes.delete(id));
      if (recordings === undefined) throw new Error("the other workers did not give their series in time");
      return recordings;
    },
  };
}
