/**
 * The Express application: what runs for every request, the generated routes, and what answers when none of them does.
 */

import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Router } from "express";
import { AppError } from "../errors.js";
import type { Handlers } from "../generated/handlers.js";
import { mountRoutes, type Route, routes } from "../generated/routes.js";
import { type AdaptDependencies, createAdapt } from "./adapt.js";
import { type BeginDependencies, createBegin } from "./begin.js";
import type { CallContext } from "./call-context.js";
import { createCompiledValidation, type Validate } from "./compiled-validation.js";
import { createCors } from "./cors.js";
import { sendError, sendPlainRefusal } from "./error-response.js";
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

/** Routes whose checks are compiled ahead, because they are called as often as queries are. */
const hotOperations: ReadonlySet<string> = new Set<keyof typeof routes>(["fetchDocument", "fetchDocuments"]);

export function createApp(dependencies: AppDependencies, options: AppOptions): Express {
  const app = express();
  app.set("etag", false).set("x-powered-by", false).set("query parser", "simple");
  app.set("case sensitive routing", true).set("strict routing", true);
  app.use(createBegin(dependencies));
  if (options.corsOrigins.length > 0) app.use(createCors(options.corsOrigins));
  const router = express.Router({ caseSensitive: true, strict: true });
  const { spec, page } = dependencies;
  const checkReply = options.validateResponses ? createResponseValidation(spec) : undefined;
  const adapt = createAdapt({ ...dependencies, validationFor: createValidation(spec), checkReply });
  mountRoutes(router, dependencies.handlers, adapt);
  router.get("/", page);
  mountOptions(router);
  app.use(router);
  app.use(noSuchRoute);
  app.use(routingFailed);
  return app;
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
