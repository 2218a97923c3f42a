/** Which operation a method and path mean. Paths only; no operation's rules live here. */
import type { Engine } from "../engine.js";
import { badRequest, EngineError, unsupported } from "../errors.js";
import type { Json, Printable } from "../json.js";

/** What an operation gets from a request. */
export interface Call {
  readonly engine: Engine;
  /** The path's namespace, decoded; empty for routes without one. */
  readonly namespace: string;
  /** The path's last segment where the route has a second parameter. */
  readonly token: string;
  readonly query: URLSearchParams;
  readonly body: Json;
}

export interface Route {
  /** How large a body it takes, if any. */
  readonly body: "none" | "write" | "other";
  /** Whether it counts against the queries that a namespace may have under way. */
  readonly isQuery: boolean;
  /** Whether anyone may ask, without a key. */
  readonly isOpen: boolean;
  readonly status: number;
  readonly run: (call: Call) => Printable;
}

export interface Match {
  readonly route: Route;
  readonly namespace: string;
  readonly token: string;
}

type Run = Route["run"];
const base = { isQuery: false, isOpen: false, status: 200 } as const;
const read = (run: Run): Route => ({ ...base, body: "none", run });
const post = (run: Run): Route => ({ ...base, body: "other", run });
const write = (run: Run): Route => ({ ...base, body: "write", run });
const query = (run: Run): Route => ({ ...base, body: "other", isQuery: true, run });
const refuse = (feature: string): Route =>
  read(() => {
    throw unsupported(feature);
  });

/** `*` stands for a namespace, `+` for a token. */
const ROUTES: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  "v2/namespaces/*": {
    POST: write(({ engine, namespace, body }) => engine.write(namespace, body)),
    DELETE: read(({ engine, namespace }) => engine.delete(namespace)),
  },
  "v2/namespaces/*/query": { POST: query(({ engine, namespace, body }) => engine.query(namespace, body)) },
  "v2/namespaces/*/explain_query": {
    POST: post(({ engine, namespace, body }) => engine.explain(namespace, body)),
  },
  "v2/namespaces/*/metadata": { GET: read(({ engine, namespace }) => engine.metadata(namespace, false)) },
  "v1/namespaces/*/metadata": {
    GET: read(({ engine, namespace }) => engine.metadata(namespace, true)),
    PATCH: post(({ engine, namespace, body }) => engine.updateMetadata(namespace, body)),
  },
  "v1/namespaces/*/schema": {
    GET: read(({ engine, namespace }) => engine.schema(namespace)),
    POST: post(({ engine, namespace, body }) => engine.updateSchema(namespace, body)),
  },
  "v1/namespaces/*/hint_cache_warm": {
    GET: { ...read(({ engine, namespace }) => engine.hintCacheWarm(namespace)), status: 202 },
  },
  "v1/namespaces/*/_debug/recall": {
    POST: query(({ engine, namespace, body }) => engine.recall(namespace, body)),
  },
  health: { GET: { ...read(({ engine }) => engine.health()), isOpen: true } },
  "v1/namespaces": { GET: read(({ engine, query }) => engine.list(readListOptions(query))) },
  "v1/namespaces/*": {
    GET: read(({ engine, namespace, query }) => engine.export(namespace, query.get("cursor") || null)),
    POST: refuse("the v1 write; use /v2/namespaces/{namespace}"),
  },
  "v1/namespaces/*/query": { POST: refuse("the v1 query; use /v2/namespaces/{namespace}/query") },
  "v2/namespaces/*/async": {
    POST: write(({ engine, namespace, body }) => engine.startCopy(namespace, body)),
  },
  "v1/namespaces/*/operations/+": {
    GET: read(({ engine, namespace, token }) => engine.operation(namespace, token)),
  },
};

/**
 * Finds the route. One leading segment before the version is dropped, so that clients with a region in their base path
 * work. Throws 404 for an unknown path, 405 for a method it does not have, the plain-text 400 for undecodable names.
 */
export function matchRoute(method: string, path: string): Match {
  const segments = path.replace(/^\//, "").split("/");
  if (segments[1] === "v1" || segments[1] === "v2") segments.shift();
  const pattern = segments.map((segment, i) =>
    i === 2 ? "*" : i === 4 && segments[3] === "operations" ? "+" : segment,
  );
  const methods = Object.hasOwn(ROUTES, pattern.join("/")) ? ROUTES[pattern.join("/")] : undefined;
  if (methods === undefined) throw new EngineError(404, `no route for path '${path.slice(0, 200)}'`);
  const route = methods[method];
  if (route === undefined) {
    const allow = Object.keys(methods).join(", ");
    throw new EngineError(405, `method ${method} is not allowed, expected ${allow}`, { headers: { allow } });
  }
  return { route, namespace: decodeName(segments[2] ?? ""), token: segments[4] ?? "" };
}

function decodeName(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest("Invalid URL: Namespace contains invalid characters, must be [A-Za-z0-9-_.]", {
      plainText: true,
    });
  }
}

function readListOptions(query: URLSearchParams) {
  const prefix = query.get("prefix");
  const cursor = query.get("cursor");
  const size = query.get("page_size");
  if (size !== null && !/^-?\d+$/.test(size)) {
    throw badRequest(
      `Failed to deserialize query string: page_size: invalid digit found in '${size.slice(0, 40)}'`,
      {
        plainText: true,
      },
    );
  }
  return {
    ...(prefix === null ? {} : { prefix }),
    ...(cursor === null || cursor === "" ? {} : { cursor }),
    ...(size === null ? {} : { pageSize: Number(size) }),
  };
}
