/**
 * One request and its answer on a connection of the pool, as an undici dispatch handler.
 *
 * undici's own `request` does not tell whether a failed request ever reached a connection, and that is exactly what
 * separates "not applied" from "unknown" for a write. A handler sees it: `onRequestStart` runs right before the first
 * byte is written. It also spares a stream per answer, since answers are collected whole.
 */

import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { UnreadableAnswer } from "./transport-failure.js";

export interface CollectedAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface ExchangeOptions {
  answerBytesMax: number;
  /** Resending would turn an unknown outcome into a second write. */
  resendable: boolean;
  /** Called once, when the request leaves the waiting line for a connection or fails before. */
  onLeaveQueue: () => void;
}

/** Collects an answer; `answer` settles once. `cancel` ends it at any stage, before sending included. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<CollectedAnswer>;
  /** The request was handed to a connection. */
  sent = false;

  readonly #options: ExchangeOptions;
  #resolve!: (answer: CollectedAnswer) => void;
  #reject!: (error: unknown) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelled: Error | undefined;
  #queued = true;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Fails the exchange with `reason`; a request still waiting for a connection is then never sent. */
  cancel(reason: Error): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = reason;
    this.#leaveQueue();
    this.#controller?.abort(reason);
    this.#reject(reason);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#leaveQueue();
    this.#controller = controller;
    if (this.#cancelled !== undefined) {
      controller.abort(this.#cancelled);
      return;
    }
    if (this.sent && !this.#options.resendable) {
      controller.abort(new UnreadableAnswer("connection closed early"));
      return;
    }
    this.sent = true;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    const declared = Number(headers["content-length"] ?? 0);
    if (declared > this.#options.answerBytesMax) this.#refuseSize(controller);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#options.answerBytesMax) {
      this.#refuseSize(controller);
      return;
    }
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [first] = this.#chunks;
    const body =
      this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks, this.#bytes);
    this.#resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#leaveQueue();
    this.#reject(this.#cancelled ?? error);
  }

  #refuseSize(controller: Dispatcher.DispatchController): void {
    this.#chunks = [];
    controller.abort(new UnreadableAnswer(`answer is larger than ${this.#options.answerBytesMax} bytes`));
  }

  #leaveQueue(): void {
    if (!this.#queued) return;
    this.#queued = false;
    this.#options.onLeaveQueue();
  }
}
