/**
 * The share of upstream that background work may take: users come first.
 *
 * At most 4 requests of a namespace are in flight, over all jobs of this process; a 429 halves that share, and every good
 * answer gives a little of it back. Waiting callers are served in order.
 */

import type { UpstreamAnswer } from "../../ports/upstream.js";

/** Requests of one namespace in flight (contract of background work; chosen there). */
export const BACKGROUND_READS_MAX = 4;
/** Good answers that give one more request back after a 429. */
const RECOVERY = 16;

export interface BackgroundReads {
  /** Sends when there is room. @throws what `send` throws; the signal's reason while waiting */
  run(namespace: string, send: () => Promise<UpstreamAnswer>, signal?: AbortSignal): Promise<UpstreamAnswer>;
}

interface Share {
  limit: number;
  inFlight: number;
  goodAnswers: number;
  readonly waiting: (() => void)[];
}

export function createBackgroundReads(): BackgroundReads {
  const shares = new Map<string, Share>();

  function shareOf(namespace: string): Share {
    const share = shares.get(namespace) ?? {
      limit: BACKGROUND_READS_MAX,
      inFlight: 0,
      goodAnswers: 0,
      waiting: [],
    };
    shares.set(namespace, share);
    return share;
  }

  function enter(share: Share, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (share.inFlight < share.limit) {
      share.inFlight += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const admit = (): void => {
        signal?.removeEventListener("abort", leave);
        share.inFlight += 1;
        resolve();
      };
      const leave = (): void => {
        share.waiting.splice(share.waiting.indexOf(admit), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", leave, { once: true });
      share.waiting.push(admit);
    });
  }

  function note(share: Share, status: number): void {
    if (status === 429) {
      share.limit = Math.max(1, Math.floor(share.limit / 2));
      share.goodAnswers = 0;
    } else if (share.limit < BACKGROUND_READS_MAX && ++share.goodAnswers >= RECOVERY) {
      share.limit += 1;
      share.goodAnswers = 0;
    }
  }

  return {
    async run(namespace, send, signal) {
      const share = shareOf(namespace);
      await enter(share, signal);
      try {
        const answer = await send();
        note(share, answer.status);
        return answer;
      } finally {
        share.inFlight -= 1;
        while (share.inFlight < share.limit && share.waiting.length > 0) share.waiting.shift()?.();
        if (share.inFlight === 0 && share.limit === BACKGROUND_READS_MAX) shares.delete(namespace);
      }
    },
  };
}
