/**
 * What happens to a request body that was refused unread. Closing at once would reset the connection, and most clients
 * then lose the answer that says why; reading on for ever would let a refused upload cost as much as an accepted one. So
 * the rest is read and thrown away for a while, and then the connection is closed.
 */

import type { IncomingMessage, ServerResponse } from "node:http";

export interface LeftoverLimits {
  /** Bytes read and dropped after the answer is out. */
  readonly bytesMax: number;
  readonly timeMaxMs: number;
}

/** Chosen: most bodies end within the bytes, and a client that has read its answer has stopped by then. */
const defaults: LeftoverLimits = { bytesMax: 64 * 1024 * 1024, timeMaxMs: 5_000 };

/** Call before the answer is ended. Does nothing when the body has been read. */
export function dropLeftover(
  request: IncomingMessage,
  response: ServerResponse,
  { bytesMax, timeMaxMs }: LeftoverLimits = defaults,
): void {
  if (request.complete || request.destroyed || !expectsBody(request)) return;
  let dropped = 0;
  const close = () => request.destroy();
  const timer = setTimeout(close, timeMaxMs);
  timer.unref();
  request.on("data", (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > bytesMax && response.writableFinished) close();
  });
  request.once("close", () => clearTimeout(timer));
  request.once("end", () => clearTimeout(timer));
  request.resume();
}

/** A request without a body is complete only after its handler has returned; it must not pay for the timer. */
function expectsBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}
