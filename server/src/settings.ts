/**
 * Every environment variable the gateway reads, as data: the parser (`config.ts`), `--help` and `docs/config.md` are
 * all made from this table, so none of them can name a variable or a default the others do not.
 */

import path from "node:path";

/** A variable's text turned into its value, or the rule that it broke. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; rule: string };

export interface Setting<T> {
  readonly name: string;
  /** The value when the variable is absent or blank. */
  readonly fallback: T;
  /** The default in words, where the value alone would not say it. */
  readonly defaultText: string;
  readonly unit: string;
  /** What it does, and where a number's default comes from. */
  readonly meaning: string;
  /** Its value must never be printed. */
  readonly secret: boolean;
  parse(text: string): Parsed<T>;
}

/** The key of the embedded engine when none is configured. Well known, hence refused on anything but loopback. */
export const LOCAL_KEY = "tpuf_local";

const MIB = 1024 * 1024;
const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** The table. Keys are the names of the fields in the parsed configuration. */
export const settings = {
  host: text("HOST", "127.0.0.1", {
    unit: "address",
    meaning: "address to listen on; anything but loopback needs a TURBOPUFFER_API_KEY of your own",
    pattern: /^[A-Za-z0-9.:_-]+$/,
    rule: "must be a host name or an IP address without a port",
  }),
  port: integer("PORT", 8080, {
    unit: "TCP port",
    meaning: "port to listen on; 0 takes any free one",
    min: 0,
    max: 65_535,
  }),
  dataDir: {
    ...text("LAYER_DATA_DIR", "./.hevlayer", {
      unit: "path",
      meaning: "where the embedded stores keep their files; made when absent",
      pattern: /^[^\0]+$/,
      rule: "must be a path",
    }),
    parse: (value: string): Parsed<string> => ({ ok: true, value: path.resolve(value) }),
  },
  enginePort: integer("LAYER_ENGINE_PORT", 8081, {
    unit: "TCP port",
    meaning: "loopback port of the embedded engine's own Turbopuffer endpoint; 0 takes any free one",
    min: 0,
    max: 65_535,
  }),
  upstreamUrl: {
    ...optional("TPUF_URL", {
      unit: "URL",
      meaning:
        "serve the Turbopuffer endpoint at this URL instead of the embedded engine; wins over the region",
    }),
    parse: parseUpstreamUrl,
  },
  upstreamRegion: {
    ...optional("TURBOPUFFER_REGION", {
      unit: "region",
      meaning: "serve https://{region}.turbopuffer.com instead of the embedded engine",
    }),
    parse: (value: string): Parsed<string | undefined> =>
      /^[a-z0-9-]{1,63}$/.test(value)
        ? { ok: true, value }
        : { ok: false, rule: "must be a region name such as aws-us-east-1" },
  },
  storeKey: {
    ...optional("TURBOPUFFER_API_KEY", {
      unit: "secret",
      meaning: `the store's key: what callers present and what goes upstream; the embedded engine alone has a default, ${LOCAL_KEY}`,
    }),
    secret: true,
    parse: (value: string): Parsed<string | undefined> =>
      /^[\x21-\x7e]+$/.test(value)
        ? { ok: true, value }
        : { ok: false, rule: "must be printable ASCII without spaces" },
  },
  upstreamTimeoutMs: integer("LAYER_UPSTREAM_TIMEOUT_MS", 60_000, {
    unit: "ms",
    meaning: "how long one upstream call may take; also the deadline of a write (contract)",
    min: 1,
    max: 3_600_000,
  }),
  bodyBudgetBytes: integer("LAYER_BODY_BUDGET_BYTES", 1024 * MIB, {
    unit: "bytes",
    meaning:
      "request bodies held in memory at once, after decompression; above it a request is answered 429 (twice the largest body)",
    min: MIB,
    max: Number.MAX_SAFE_INTEGER,
  }),
  corsOrigins: {
    name: "LAYER_CORS_ORIGINS",
    fallback: [] as readonly string[],
    defaultText: "none",
    unit: "origins",
    meaning: "comma-separated origins whose pages may call the gateway, or * for any",
    secret: false,
    parse: parseOrigins,
  },
  listCacheTtlMs: integer("NAMESPACE_LIST_CACHE_TTL_MS", 10_000, {
    unit: "ms",
    meaning: "how long a page of the namespace listing is reused; 0 turns the cache off (contract)",
    min: 0,
    max: 86_400_000,
  }),
  drainMarkerPath: text("LAYER_DRAIN_MARKER_PATH", "/tmp/layer-gateway-draining", {
    unit: "path",
    meaning: "while this file exists the gateway answers 503 gateway_draining",
    pattern: /^[^\0]+$/,
    rule: "must be a path",
  }),
  validateResponses: {
    name: "LAYER_VALIDATE_RESPONSES",
    fallback: false,
    defaultText: "false",
    unit: "boolean",
    meaning: "check every answer against openapi.yaml and turn one that breaks it into a 500; for tests",
    secret: false,
    parse: (value: string): Parsed<boolean> =>
      value === "true" || value === "false"
        ? { ok: true, value: value === "true" }
        : { ok: false, rule: "must be true or false" },
  },
  logLevel: {
    name: "LAYER_LOG_LEVEL",
    fallback: "info" as LogLevel,
    defaultText: "info",
    unit: "level",
    meaning: `least severe log line written: ${logLevels.join(", ")}`,
    secret: false,
    parse: (value: string): Parsed<LogLevel> => {
      const level = logLevels.find((candidate) => candidate === value);
      return level
        ? { ok: true, value: level }
        : { ok: false, rule: `must be one of ${logLevels.join(", ")}` };
    },
  },
} as const satisfies Record<string, Setting<unknown>>;

/** Fixed bounds: not worth a variable, but each with its unit and origin. */
export const limits = {
  /** Bytes of one request body after decompression (contract). */
  bodyMaxBytes: 512 * MIB,
  /** The same for a body that is parsed into values (chosen: four times 10,000 ids of 64 escaped bytes). */
  parsedBodyMaxBytes: 16 * MIB,
  /** Idle keep-alive, ms: above the 60 s that load balancers and SDK pools keep a connection for. */
  keepAliveTimeoutMs: 75_000,
  /** Time for a client to send its headers, ms (chosen: Node's own default). */
  headersTimeoutMs: 60_000,
  /** Time for a client to send a whole request, ms (chosen: 512 MiB at 14 Mbit/s). */
  requestTimeoutMs: 300_000,
  /** Time for requests in flight to finish after SIGTERM, ms (chosen: under Kubernetes' 30 s grace). */
  drainTimeoutMs: 25_000,
  /** How often the drain marker file is looked for, ms (chosen). */
  drainMarkerPollMs: 1_000,
  /** How long a readiness answer may wait for the upstream, ms (chosen: under common probe periods). */
  readinessTimeoutMs: 2_000,
} as const;

interface Words {
  unit: string;
  meaning: string;
}

function text(
  name: string,
  fallback: string,
  about: Words & { pattern: RegExp; rule: string },
): Setting<string> {
  return {
    name,
    fallback,
    defaultText: fallback,
    unit: about.unit,
    meaning: about.meaning,
    secret: false,
    parse: (value) => (about.pattern.test(value) ? { ok: true, value } : { ok: false, rule: about.rule }),
  };
}

function optional(name: string, about: Words): Omit<Setting<string | undefined>, "parse"> {
  return { name, fallback: undefined, defaultText: "none", ...about, secret: false };
}

function integer(
  name: string,
  fallback: number,
  about: Words & { min: number; max: number },
): Setting<number> {
  return {
    name,
    fallback,
    defaultText: String(fallback),
    unit: about.unit,
    meaning: about.meaning,
    secret: false,
    parse: (value) => {
      const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
      return number >= about.min && number <= about.max
        ? { ok: true, value: number }
        : { ok: false, rule: `must be a whole number from ${about.min} to ${about.max}` };
    },
  };
}

function parseUpstreamUrl(value: string): Parsed<string | undefined> {
  const rule = "must be an http or https URL without credentials, query or fragment";
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return { ok: false, rule };
  }
  const bare = url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  if (!bare || !/^https?:$/.test(url.protocol)) return { ok: false, rule };
  return { ok: true, value: url.href.replace(/\/+$/, "") };
}

function parseOrigins(value: string): Parsed<readonly string[]> {
  const origins = value
    .split(",")
    .map((origin) => origin.trim())
    .filter((origin) => origin !== "");
  const wrong = origins.find((origin) => origin !== "*" && !isOrigin(origin));
  return wrong === undefined
    ? { ok: true, value: origins }
    : { ok: false, rule: `must be * or origins such as https://app.example.com, which '${wrong}' is not` };
}

function isOrigin(value: string): boolean {
  try {
    return new URL(value).origin === value;
  } catch {
    return false;
  }
}
