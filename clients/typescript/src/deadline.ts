/** Abort signals with a time limit, for runtimes that lack `AbortSignal.any` (Node 18). */

export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Frees the timer and the listener. Must be called, or the parent keeps this signal for its whole life. */
  dispose(): void;
}

/** A signal that aborts when `parent` does, or after `ms` milliseconds; undefined stands for no parent and no limit. */
export function linkSignal(parent: AbortSignal | undefined, ms: number | undefined): LinkedSignal {
  const controller = new AbortController();
  const abort = () => controller.abort(parent?.reason);
  let unfollow: (() => void) | undefined;
  if (parent?.aborted) abort();
  else if (parent) unfollow = follow(parent, abort);
  const timer =
    ms === undefined ? undefined : setTimeout(() => controller.abort(new Error(`${ms} ms passed`)), ms);
  return {
    signal: controller.signal,
    dispose() {
      clearTimeout(timer);
      unfollow?.();
    },
  };
}

/** Who follows a signal. They share one listener: from eleven listeners on, Node.js warns of a leak. */
const FOLLOWED = new WeakMap<AbortSignal, { followers: Set<() => void>; listener: () => void }>();

/** Calls `onAbort` when the signal aborts, until the function that is returned has been called. */
function follow(signal: AbortSignal, onAbort: () => void): () => void {
  let followed = FOLLOWED.get(signal);
  if (!followed) {
    const followers = new Set<() => void>();
    const listener = () => {
      for (const follower of [...followers]) follower();
    };
    followed = { followers, listener };
    FOLLOWED.set(signal, followed);
    signal.addEventListener("abort", followed.listener, { once: true });
  }
  const { followers, listener } = followed;
  followers.add(onAbort);
  return () => {
    if (!followers.delete(onAbort) || followers.size > 0) return;
    signal.removeEventListener("abort", listener);
    FOLLOWED.delete(signal);
  };
}

/** The promise, or a rejection with the signal's reason as soon as it is aborted. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (stop) signal.removeEventListener("abort", stop);
  }
}
