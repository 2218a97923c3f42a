/** Abort signals with a time limit, for runtimes that lack `AbortSignal.any` (Node 18). */

export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Frees the timer and the listener. Must be called, or the parent keeps this signal for its whole life. */
  dispose(): void;
}

/** A signal that aborts when `parent` does, or after `ms` milliseconds; undefined stands for no parent and no limit. */
export function linkSignal(parent: AbortSignal | undefined, ms: number | undefined): LinkedSignal {
  const controller = new AbortController();
  const follow = () => controller.abort(parent?.reason);
  if (parent?.aborted) follow();
  else parent?.addEventListener("abort", follow, { once: true });
  const timer =
    ms === undefined ? undefined : setTimeout(() => controller.abort(new Error(`${ms} ms passed`)), ms);
  return {
    signal: controller.signal,
    dispose() {
      clearTimeout(timer);
      parent?.removeEventListener("abort", follow);
    },
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
