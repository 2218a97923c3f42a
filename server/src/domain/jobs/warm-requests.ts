/** Asks for warm jobs, for callers and for the gateway itself. */

import type { Clock } from "../../clock.js";
import type { Log } from "../../log.js";
import type { JobBoard } from "./job-board.js";
import { newWarmJob, type WarmJob } from "./warm-job.js";

export interface WarmRequests {
  /** The namespace's running job, or a new one. @param pageSize rows, 1 to 10,000. @throws BlobStoreError */
  submit(namespace: string, pageSize?: number): Promise<WarmJob>;
  /** The same when nobody waits for it. Never rejects. */
  suggest(namespace: string): Promise<void>;
}

export interface WarmRequestsDependencies {
  readonly board: JobBoard<WarmJob>;
  /** A job waits for its owner, which may be this process. */
  readonly wake: (namespace: string) => void;
  /** The namespace's watermark is wanted from now on. */
  readonly register: (namespace: string) => void;
  readonly clock: Clock;
  /** Random bytes in hexadecimal. */
  readonly random: (bytes: number) => string;
  readonly log: Pick<Log, "warn">;
}

export const WARM_PAGE_SIZE = 1_000;

export function createWarmRequests(dependencies: WarmRequestsDependencies): WarmRequests {
  const { board, wake, register, clock, random, log } = dependencies;

  async function submit(namespace: string, pageSize = WARM_PAGE_SIZE): Promise<WarmJob> {
    register(namespace);
    const job = await board.submit(namespace, () =>
      newWarmJob(uuidOf(random(16)), pageSize, Math.floor(clock.now())),
    );
    wake(namespace);
    return job;
  }

  return {
    submit,
    async suggest(namespace) {
      try {
        await submit(namespace);
      } catch (err) {
        log.warn({ namespace, err }, "a namespace could not be warmed again");
      }
    },
  };
}

/** Version 4 of RFC 9562. @param hex 32 random digits */
function uuidOf(hex: string): string {
  const variant = (8 + (Number.parseInt(hex.charAt(16), 16) % 4)).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
