/**
 * The engine's HTTP face on plain node:http: authorise, route, read, run, answer. It keeps idle connections longer than
 * the clients do, so that a reused connection is never one the server is about to close.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getHeapStatistics } from "node:v8";
import type { Engine } from "../engine.js";
import { EngineError } from "../errors.js";
import type { Json } from "../json.js";
import { type Answer, errorAnswer, jsonAnswer, send, sizeOf } from "./answer.js";
import { Bodies, type BodyLimits, withBody } from "./body.js";
import { ByteBudget } from "./byte-budget.js";
import { delay, type FaultRule, FaultSwitchboard, sendHalf } from "./faults.js";
import { checkHost } from "./loopback-host.js";
import { QueryGate, type QueryGateOptions, queryPermits } from "./query-gate.js";
import { type Call, matchRoute, type Route } from "./routes.js";
import { Turns } from "./turns.js";

export interface EngineServerLimits extends BodyLimits {
  /** Bytes of answers that callers have not read yet; beyond it requests are refused with 429. */
  answerBytes: number;
}

export interface EngineServerOptions {
  engine: Engine;
  /** The key every request must carry as a bearer token; the well-known one opens only to loopback names. */
  apiKey: string;
  /**
   * 512 MiB a write, 16 MiB any other body, 1 GiB being received, half of Node's heap limit parsed, and 256 MiB of answers
   * by default.
   */
  limits?: Partial<EngineServerLimits>;
  /** Queries under way in a namespace; the service's limits by default. */
  queries?: QueryGateOptions;
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

function defaultLimits(): EngineServerLimits {
  return {
    writeBytes: 512 * MIB,
    otherBytes: 16 * MIB,
    receivedBytes: 1024 * MIB,
    parsedBytes: Math.floor(getHeapStatistics().heap_size_limit / 2),
    answerBytes: 256 * MIB,
  };
}

/** Clients keep idle connections for 60 s. */
const KEEP_ALIVE_MS = 75_000;
/** The time a caller has to send a whole request; 512 MiB at 2 MiB/s. */
const REQUEST_MS = 256_000;
/** How long a connection may stand still while a request or an answer is under way. */
const STANDSTILL_MS = 120_000;

export function createEngineServer(options: EngineServerOptions): EngineServer {
  const respond = createResponder(options);
  let closing = false;
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: REQUEST_MS },
    (request, response) => {
      if (closing) response.setHeader("connection", "close");
      void respond(request, response);
    },
  );
  server.timeout = STANDSTILL_MS;
  return {
    listen: (port, host) => listen(server, port, host),
    close: (graceMs) => {
      closing = true;
      return close(server, graceMs);
    },
  };
}

type Respond = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

function createResponder({ faults = [], onDefect, ...options }: EngineServerOptions): Respond {
  const switchboard = new FaultSwitchboard(faults);
  const answerTo = createAnswering(options);

  /** Null when there is nobody left to answer. */
  function toErrorAnswer(request: IncomingMessage, error: unknown): Answer | null {
    if (error instanceof EngineError) {
      if (error.cause !== undefined) onDefect?.(error);
      return errorAnswer(error);
    }
    if (request.destroyed && !request.complete) return null;
    onDefect?.(error);
    return errorAnswer(new EngineError(500, "internal error"));
  }

  return async (request, response) => {
    const fault = switchboard.next(request);
    try {
      if (fault?.kind === "reset-before") {
        response.destroy();
        return;
      }
      await delay(fault);
      const answer = await answerTo(request, response, fault).catch((error: unknown) =>
        toErrorAnswer(request, error),
      );
      if (fault?.kind === "reset-after" || answer === null) response.destroy();
      else if (fault?.kind === "half-body")
        sendHalf(response, answer.status, answer.contentType, answer.body);
      else await finish(request, response, answer);
    } catch (error) {
      onDefect?.(error);
      response.destroy();
    }
  };
}

async function finish(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  // An unread body would be taken for the next request.
  if (!request.complete) response.setHeader("connection", "close");
  await send(request, response, answer);
}

type AnswerTo = (
  request: IncomingMessage,
  response: ServerResponse,
  fault: FaultRule | null,
) => Promise<Answer | null>;

/** What is decided about a request: whether it may, what it means, and when its turn is. */
function createAnswering({ engine, apiKey, limits: given, queries }: EngineServerOptions): AnswerTo {
  const limits = { ...defaultLimits(), ...given };
  const bodies = new Bodies(limits);
  const answers = new ByteBudget(limits.answerBytes, "too many answer bytes are waiting to be read");
  const gate = new QueryGate(queries);
  const turns = new Turns();
  const isAuthorised = bearerCheck(apiKey);

  /** Runs the operation when it is its turn, unless the caller has gone. Printed then, so that its body still counts. */
  async function run(route: Route, call: Call, response: ServerResponse): Promise<Answer | null> {
    await turns.next();
    if (response.destroyed) return null;
    answers.check();
    const answer = jsonAnswer(route.status, route.run(call));
    const bytes = sizeOf(answer);
    answers.add(bytes);
    response.once("close", () => answers.give(bytes));
    return answer;
  }

  async function runAsQuery(route: Route, call: Call, response: ServerResponse): Promise<Answer | null> {
    const leave = await gate.enter(call.namespace, queryPermits(call.body));
    try {
      return await run(route, call, response);
    } finally {
      leave();
    }
  }

  return async (request, response, fault) => {
    const { path, query } = splitUrl(request.url ?? "/");
    const isKnown = isAuthorised(request.headers.authorization);
    if (!isKnown && !isOpen(request.method, path)) {
      throw new EngineError(401, "missing or invalid API key, expected Authorization: Bearer <key>");
    }
    if (isKnown) checkHost(apiKey, request.headers.host);
    if (fault?.kind === "status") throw simulatedError(fault);
    const { route, namespace, token } = matchRoute(request.method ?? "GET", path);
    const call = (body: Json): Call => ({ engine, namespace, token, query, body });
    if (route.body === "none") return run(route, call(null), response);
    const maxBytes = route.body === "write" ? limits.writeBytes : limits.otherBytes;
    return withBody(request, bodies, maxBytes, (body) =>
      (route.isQuery ? runAsQuery : run)(route, call(body), response),
    );
  };
}

/** Whether a request needs no key. One that is no route at all is nobody's business either. */
function isOpen(method: string | undefined, path: string): boolean {
  try {
    return matchRoute(method ?? "GET", path).route.isOpen;
  } catch {
    return false;
  }
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
