/**
 * The engine's HTTP face on plain node:http: authorise, route, read, run, answer. It keeps idle connections longer than
 * the clients do, so that a reused connection is never one the server is about to close.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Engine } from "../engine.js";
import { EngineError } from "../errors.js";
import { type Answer, errorAnswer, jsonAnswer, send } from "./answer.js";
import { BodyBudget, type BodyLimits, withBody } from "./body.js";
import { delay, type FaultRule, FaultSwitchboard, sendHalf } from "./faults.js";
import { matchRoute } from "./routes.js";

export interface EngineServerOptions {
  engine: Engine;
  /** The key every request must carry as a bearer token. */
  apiKey: string;
  /** 512 MiB a body and 1 GiB in flight by default. */
  limits?: Partial<BodyLimits>;
  /**
   * Told about what someone should look into: defects, of which the caller sees a bare 500, and writes that the store
   * could not take.
   */
  onDefect?: (error: unknown) => void;
  /** Simulated trouble for tests of callers; none by default. */
  faults?: readonly FaultRule[];
}

export interface EngineServer {
  /** Starts listening; port 0 takes a free one. Resolves with the port, rejects when it cannot listen. */
  listen(port: number, host: string): Promise<number>;
  /** Stops accepting, lets requests in flight finish for up to `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

const MIB = 1024 * 1024;
const DEFAULT_LIMITS: BodyLimits = { bodyBytes: 512 * MIB, totalBytes: 1024 * MIB };

/** Clients keep idle connections for 60 s. */
const KEEP_ALIVE_MS = 75_000;
/** The time a caller has to send a whole request; 512 MiB at 2 MiB/s. */
const REQUEST_MS = 256_000;

export function createEngineServer(options: EngineServerOptions): EngineServer {
  const budget = new BodyBudget({ ...DEFAULT_LIMITS, ...options.limits });
  const switchboard = new FaultSwitchboard(options.faults ?? []);
  const authorised = bearerCheck(options.apiKey);
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: REQUEST_MS },
    (request, response) => {
      if (closing) response.setHeader("connection", "close");
      void respond(request, response);
    },
  );
  let closing = false;

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = switchboard.next(request);
    try {
      if (fault?.kind === "reset-before") {
        response.destroy();
        return;
      }
      await delay(fault);
      const answer = await answerTo(request, fault).catch((error: unknown) => toErrorAnswer(request, error));
      if (fault?.kind === "reset-after" || answer === null) response.destroy();
      else if (fault?.kind === "half-body")
        sendHalf(response, answer.status, answer.contentType, answer.body);
      else await finish(request, response, answer);
    } catch (error) {
      options.onDefect?.(error);
      response.destroy();
    }
  }

  async function finish(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
    // An unread body would be taken for the next request.
    if (!request.complete) response.setHeader("connection", "close");
    await send(request, response, answer);
  }

  async function answerTo(request: IncomingMessage, fault: FaultRule | null): Promise<Answer> {
    if (!authorised(request.headers.authorization)) {
      throw new EngineError(401, "missing or invalid API key, expected Authorization: Bearer <key>");
    }
    if (fault?.kind === "status") throw simulatedError(fault);
    const { path, query } = splitUrl(request.url ?? "/");
    const { route, namespace, token } = matchRoute(request.method ?? "GET", path);
    const call = { engine: options.engine, namespace, token, query };
    if (!route.takesBody) return jsonAnswer(route.status, route.run({ ...call, body: null }));
    // Printed inside, so that the request's bytes count until its answer is made.
    return withBody(request, budget, (body) => jsonAnswer(route.status, route.run({ ...call, body })));
  }

  /** Null when there is nobody left to answer. */
  function toErrorAnswer(request: IncomingMessage, error: unknown): Answer | null {
    if (error instanceof EngineError) {
      if (error.cause !== undefined) options.onDefect?.(error);
      return errorAnswer(error);
    }
    if (request.destroyed && !request.complete) return null;
    options.onDefect?.(error);
    return errorAnswer(new EngineError(500, "internal error"));
  }

  return {
    listen: (port, host) => listen(server, port, host),
    close: (graceMs) => {
      closing = true;
      return close(server, graceMs);
    },
  };
}

/** The path as sent, percent-encoding included, and the query's parameters. */
function splitUrl(url: string): { path: string; query: URLSearchParams } {
  const mark = url.indexOf("?");
  if (mark < 0) return { path: url, query: new URLSearchParams() };
  return { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}

function simulatedError({ status = 503, retryAfterSeconds }: FaultRule): EngineError {
  const headers = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
  return new EngineError(status, "simulated fault", { headers });
}

/** Compares digests, so that neither content nor length of the key shows in the time taken. */
function bearerCheck(apiKey: string): (header: string | undefined) => boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const expected = digest(apiKey);
  return (header) => {
    const match = /^Bearer\s+(.+)$/i.exec(header ?? "");
    return match !== null && timingSafeEqual(digest(match[1] as string), expected);
  };
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
