/**
 * A handler's surroundings, in the one order that is safe: is this instance going away; may the namespace be named at all;
 * who is calling; may they; the body, bounded; its check against the spec; the handler; the answer. Authorisation comes
 * before anything is read, so that a stranger costs nothing.
 */

import type { Request, RequestHandler, Response } from "express";
import { AppError } from "../errors.js";
import type { BytesReply } from "../generated/handlers.js";
import type { Adapt, Route } from "../generated/routes.js";
import type { Principal } from "../principal.js";
import { authorise } from "./access.js";
import { type Authenticate, anonymous, type Credentials } from "./auth.js";
import { type BodyLimits, type HeldBody, noBody, readBody } from "./body.js";
import type { CallContext } from "./call-context.js";
import { CallerSignal } from "./caller-signal.js";
import type { Validate } from "./compiled-validation.js";
import type { DrainState } from "./drain.js";
import { sendError, sendPlainRefusal } from "./error-response.js";
import { namespaceNameProblem } from "./namespace-name.js";
import { isProbe } from "./probes.js";
import { send, toBytes, type ValueReply } from "./reply.js";
import { stateOf } from "./request-state.js";
import type { CheckReply } from "./response-validation.js";

export interface AdaptDependencies {
  readonly authenticate: Authenticate;
  readonly bodies: BodyLimits;
  readonly drain: DrainState;
  /** The check of a route that is not raw. */
  readonly validationFor: (route: Route) => Validate;
  /** Absent in production. */
  readonly checkReply?: CheckReply | undefined;
}

/** A route with its check and its handler; the route table guarantees that the handler takes the call built for it. */
interface Served {
  readonly route: Route;
  readonly validate: Validate | undefined;
  readonly invoke: (call: unknown) => Promise<BytesReply | ValueReply>;
}

export function createAdapt(dependencies: AdaptDependencies): Adapt {
  return (route, invoke) => {
    const validate = route.call === "raw" ? undefined : dependencies.validationFor(route);
    const served = { route, validate, invoke: invoke as Served["invoke"] };
    const handler: RequestHandler = async function serve(request, response) {
      try {
        await serveRoute(served, dependencies, request, response);
      } catch (error) {
        sendError(response, error);
      }
    };
    return handler;
  };
}

async function serveRoute(
  { route, validate, invoke }: Served,
  { authenticate, bodies, drain, checkReply }: AdaptDependencies,
  request: Request,
  response: Response,
): Promise<void> {
  const state = stateOf(request);
  state.operationId = route.operationId;
  if (drain.draining && !isProbe(route)) {
    throw new AppError("gateway_draining", "this instance is shutting down");
  }
  const { namespace } = request.params;
  if (typeof namespace === "string") {
    const problem = namespaceNameProblem(namespace);
    if (problem !== undefined) return sendPlainRefusal(response, problem);
    state.namespace = namespace;
  }
  const principal = await identify(route, authenticate, request.headers);
  state.principal = principal;
  authorise(route, principal, typeof namespace === "string" ? namespace : undefined);

  const held = route.body === "none" ? noBody : await readBody(request, bodies, route.call !== "raw");
  try {
    state.bytesIn = held.bytes.length;
    const context = contextOf(request, principal, held.reserve);
    const call = await callOf(route, validate, request, context, held.bytes);
    const reply = toBytes(await invoke(call));
    checkReply?.(route, reply);
    send(response, reply);
  } finally {
    held.release();
  }
}

/** On a route open to everyone a key is welcome but never demanded. */
async function identify(route: Route, authenticate: Authenticate, headers: Credentials): Promise<Principal> {
  if (route.access !== "none") return authenticate(headers);
  if (headers.authorization === undefined) return anonymous;
  try {
    return await authenticate(headers);
  } catch (error) {
    if (error instanceof AppError && (error.code === "unauthorized" || error.code === "forbidden"))
      return anonymous;
    throw error;
  }
}

function contextOf(request: Request, principal: Principal, reserve: HeldBody["reserve"]): CallContext {
  const state = stateOf(request);
  const signal = new CallerSignal();
  state.onGone = () => signal.abort();
  const mark = request.url.indexOf("?");
  return {
    requestId: state.requestId,
    principal,
    headers: request.headers,
    rawQuery: mark < 0 ? "" : request.url.slice(mark + 1),
    signal,
    notes: state.notes,
    reserve,
  };
}

async function callOf(
  route: Route,
  validate: Validate | undefined,
  request: Request,
  context: CallContext,
  bytes: Uint8Array,
): Promise<unknown> {
  if (!validate) return { path: request.params, bytes, context };
  if (route.call === "checked") return { ...(await validate(request, context.rawQuery)), context };
  const body = parseJson(bytes);
  return { ...(await validate(request, context.rawQuery, body)), body, bytes, context };
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) throw new AppError("invalid_json", "the request body is empty: send a JSON object");
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const problem = cause instanceof SyntaxError ? cause.message : "it is not UTF-8";
    throw new AppError("invalid_json", `the request body is not valid JSON: ${problem}`, { cause });
  }
}
