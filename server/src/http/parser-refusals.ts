/**
 * Answers to what never becomes a request: bytes that are no HTTP, headers that are too large, a request that does not arrive
 * in time, an expectation nobody meets. Node would answer these with an empty body; callers get the same JSON as for any other
 * error, an id to name, and the log a line.
 */

import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { AppError } from "../errors.js";
import type { Log } from "../log.js";
import type { Metrics } from "../metrics.js";
import { JSON_TYPE } from "./reply.js";

export interface RefusalDependencies {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly newId: () => string;
}

/** Adds the answers to a server; call once. */
export function answerRefusals(server: Server, dependencies: RefusalDependencies): void {
  /** Answers of a connection that are not out: whatever is sent there would pass for the first of them. */
  const answers = new WeakMap<Socket, ServerResponse[]>();
  const openOn = (socket: Socket) => (answers.get(socket) ?? []).filter((answer) => !answer.writableFinished);
  server.on("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    const known = answers.get(socket);
    if (known === undefined) answers.set(socket, [response]);
    else {
      // Nearly always the one before, which is out.
      while (known[0]?.writableFinished) known.shift();
      known.push(response);
    }
  });

  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    const refusal = new AppError(
      "expectation_failed",
      `expect: '${request.headers.expect}' is not supported: only 100-continue is`,
    );
    const { headers, body } = answerOf(refusal, dependencies);
    response.writeHead(refusal.status, headers);
    response.end(body);
  });

  server.on("clientError", (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket;
    const [first, ...further] = openOn(socket);
    // A request whose own bytes fail may be answered; one that arrived whole has its own answer coming.
    const isWaited = first !== undefined && (first.req.complete || first.headersSent || further.length > 0);
    if (!socket.writable || isWaited || isGone(error)) {
      socket.destroy(error);
      return;
    }
    const refusal = refusalOf(error);
    const { headers, body } = answerOf(refusal, dependencies);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${lines.join("")}\r\n${body}`);
    // Nothing more is read of such a connection, and whoever does not read the answer is not waited for.
    socket.destroySoon();
  });
}

function isGone({ code }: NodeJS.ErrnoException): boolean {
  return code === "ECONNRESET" || code === "EPIPE" || code === "HPE_INVALID_EOF_STATE";
}

function refusalOf({ code }: NodeJS.ErrnoException): AppError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new AppError("headers_too_large", "request line and headers are larger than 16 KiB");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new AppError("request_timeout", "the request did not arrive within its time");
    default:
      return new AppError("bad_request", "what arrived is not a request in http/1.1");
  }
}

function answerOf({ status, code, message }: AppError, { log, metrics, newId }: RefusalDependencies) {
  const id = newId();
  metrics.add("layer_requests_total", { operation: "none", status: String(status) });
  metrics.add("layer_refusals_total", { code });
  log.info({ request_id: id, status, code }, "request refused before it was read");
  const body = JSON.stringify({ error: code, message });
  const headers = {
    "content-type": JSON_TYPE,
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
    "x-request-id": id,
  };
  return { headers, body };
}
