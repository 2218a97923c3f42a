/**
 * The Express application: what runs for every request, the generated routes, and what answers when none of them does.
 */

import type { RequestListener } from "node:http";
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
  type Router,
} from "express";
import { AppError } from "../errors.js";
import type { Handlers } from "../generated/handlers.js";
import { mountRoutes, type Route, routes } from "../generated/routes.js";
import { type AdaptDependencies, createAdapt } from "./adapt.js";
import { type BeginDependencies, createBegin } from "./begin.js";
import type { CallContext } from "./call-context.js";
import { createCompiledValidation, type Validate } from "./compiled-validation.js";
import { createCors } from "./cors.js";
import { sendError, sendPlainRefusal } from "./error-response.js";
import { createHotRoutes, type HotRoutes } from "./hot-routes.js";
import { undecodableNamespaceProblem } from "./namespace-name.js";
import { createOpenApiValidation } from "./openapi-validation.js";
import { isProbe } from "./probes.js";
import { send } from "./reply.js";
import { createResponseValidation } from "./response-validation.js";
import { createSchemaCompiler } from "./schema-compiler.js";
import type { SpecDocument } from "./spec-document.js";

export interface AppDependencies
  extends BeginDependencies,
    Omit<AdaptDependencies, "validationFor" | "checkReply"> {
  readonly handlers: Handlers<CallContext>;
  readonly spec: SpecDocument;
  /** Serves `GET /`. */
  readonly page: RequestHandler;
}

export interface AppOptions {
  readonly corsOrigins: readonly string[];
  /** Check every answer against the spec: for tests. */
  readonly validateResponses: boolean;
}

/** An application, and the quicker way into it. */
export interface App {
  readonly app: Express;
  /** What a server calls for every request. */
  readonly serve: RequestListener;
}

/** Routes found without a router, and with checks that are compiled ahead: nearly all requests go there. */
const hotOperations: ReadonlySet<string> = new Set<keyof typeof routes>([
  "queryNamespace",
  "writeNamespace",
  "fetchDocument",
  "fetchDocuments",
  "queryTurbopufferNamespace",
  "listNamespaces",
]);

export function createApp(dependencies: AppDependencies, options: AppOptions): App {
  const app = express();
  app.set("etag", false).set("x-powered-by", false).set("query parser", "simple");
  app.set("case sensitive routing", true).set("strict routing", true);
  const begin = createBegin(dependencies);
  app.use(begin);
  if (options.corsOrigins.length > 0) app.use(createCors(options.corsOrigins));
  const router = express.Router({ caseSensitive: true, strict: true });
  const { spec, page } = dependencies;
  const checkReply = options.validateResponses ? createResponseValidation(spec) : undefined;
  const adapt = createAdapt({ ...dependencies, validationFor: createValidation(spec), checkReply });
  const hotRoutes = createHotRoutes();
  mountRoutes(router, dependencies.handlers, (route, invoke) => {
    const handler = adapt(route, invoke);
    if (hotOperations.has(route.operationId)) hotRoutes.add(route, handler);
    return handler;
  });
  router.get("/", page);
  mountOptions(router);
  app.use(router);
  app.use(noSuchRoute);
  app.use(routingFailed);
  // Browsers' requests pass the rules for origins, which stand in Express.
  return { app, serve: options.corsOrigins.length > 0 ? app : serveHot(app, begin, hotRoutes) };
}

function serveHot(app: Express, begin: RequestHandler, hotRoutes: HotRoutes): RequestListener {
  return (message, answer) => {
    // Born as Express's own (`express-server.ts`).
    const request = message as Request;
    const response = answer as Response;
    const handler = hotRoutes.find(request);
    if (handler === undefined) app(request, response);
    else
      begin(request, response, (error?: unknown) => {
        if (error === undefined) handler(request, response);
        else sendError(response, error);
      });
  };
}

function createValidation(spec: SpecDocument): (route: Route) => Validate {
  const compiler = createSchemaCompiler(spec);
  const openApiValidation = createOpenApiValidation(spec);
  return (route) => {
    if (isProbe(route)) return async (request) => ({ path: request.params, query: {} });
    return hotOperations.has(route.operationId)
      ? createCompiledValidation(spec, compiler, route)
      : openApiValidation(route);
  };
}

/** `OPTIONS` on a served path says what may be sent there; elsewhere it is the 404 of any other method. */
function mountOptions(router: Router): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of Object.values<Route>(routes)) {
    methods.set(path, (methods.get(path) ?? new Set(["OPTIONS"])).add(method));
  }
  for (const [path, allowed] of methods) {
    if (allowed.has("GET")) allowed.add("HEAD");
    const allow = [...allowed].sort().join(", ");
    router.options(path, (_request, response) => {
      send(response, { status: 204, headers: { allow }, body: new Uint8Array(0) });
    });
  }
}

const noSuchRoute: RequestHandler = (request, response) => {
  sendError(response, new AppError("not_found", `no such route: ${request.method} ${request.path}`));
};

/** The router itself fails on one thing only: a path that is not properly percent-encoded. */
const routingFailed: ErrorRequestHandler = (error, request, response, _next) => {
  if (!(error instanceof URIError)) return sendError(response, error);
  const problem = undecodableNamespaceProblem(request.path);
  if (problem !== undefined) return sendPlainRefusal(response, problem);
  sendError(
    response,
    new AppError("validation_error", `path ${request.path}: is not valid percent-encoding`),
  );
};
