import path from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError, parseConfig } from "./config.js";
import { settings } from "./settings.js";

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    parseConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("the configuration", () => {
  it("runs the embedded engine with the well-known key when nothing is set", () => {
    const config = parseConfig({});
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      usesLocalKey: true,
      upstream: { kind: "embedded", port: 8081, dataDir: path.resolve(".hevlayer"), storeKey: "tpuf_local" },
      upstreamTimeoutMs: 60_000,
      bodyBudgetBytes: 1024 ** 3,
      corsOrigins: [],
      listCacheTtlMs: 10_000,
      logLevel: "info",
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("takes a blank variable for an absent one", () => {
    expect(parseConfig({ PORT: "", TPUF_URL: " ", TURBOPUFFER_API_KEY: "" })).toEqual(parseConfig({}));
  });

  it("serves a remote upstream by URL or by region, the URL first", () => {
    const TURBOPUFFER_API_KEY = "k";
    expect(parseConfig({ TPUF_URL: "https://tpuf.example.com/base/", TURBOPUFFER_API_KEY }).upstream).toEqual(
      {
        kind: "remote",
        url: "https://tpuf.example.com/base",
        storeKey: "k",
      },
    );
    expect(parseConfig({ TURBOPUFFER_REGION: "gcp-us-central1", TURBOPUFFER_API_KEY }).upstream).toEqual({
      kind: "remote",
      url: "https://gcp-us-central1.turbopuffer.com",
      storeKey: "k",
    });
    expect(
      parseConfig({ TPUF_URL: "http://a.example", TURBOPUFFER_REGION: "b", TURBOPUFFER_API_KEY }).upstream,
    ).toMatchObject({ url: "http://a.example" });
  });

  it("reports all problems together, each with variable, value and rule", () => {
    expect(
      problemsOf({
        PORT: "80.5",
        HOST: "a b",
        LAYER_UPSTREAM_TIMEOUT_MS: "0",
        NAMESPACE_LIST_CACHE_TTL_MS: "-1",
        LAYER_LOG_LEVEL: "loud",
        LAYER_CORS_ORIGINS: "https://ok.example, nonsense",
        LAYER_VALIDATE_RESPONSES: "1",
      }),
    ).toEqual([
      "HOST=a b: must be a host name or an IP address without a port",
      "PORT=80.5: must be a whole number from 0 to 65535",
      "LAYER_UPSTREAM_TIMEOUT_MS=0: must be a whole number from 1 to 3600000",
      "LAYER_CORS_ORIGINS=https://ok.example, nonsense: must be * or origins such as https://app.example.com, which 'nonsense' is not",
      "NAMESPACE_LIST_CACHE_TTL_MS=-1: must be a whole number from 0 to 86400000",
      "LAYER_VALIDATE_RESPONSES=1: must be true or false",
      "LAYER_LOG_LEVEL=loud: must be one of fatal, error, warn, info, debug, trace, silent",
    ]);
  });

  it("never repeats a key in a problem", () => {
    expect(problemsOf({ TURBOPUFFER_API_KEY: "my secret" })).toEqual([
      "TURBOPUFFER_API_KEY=[secret]: must be printable ASCII without spaces",
    ]);
  });

  it.each([
    "https://user:pass@tpuf.example.com",
    "ftp://tpuf.example.com",
    "tpuf.example.com",
    "https://x/?a=1",
  ])("refuses %s as an upstream, and does not go on to name a URL that it has refused", (url) => {
    const problems = problemsOf({ TPUF_URL: url, TURBOPUFFER_API_KEY: "k" });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(
      /^TPUF_URL=.*: must be an http or https URL without credentials, query or fragment$/,
    );
    expect(problems[0]).not.toContain("pass");
  });

  it("wants a key for a remote upstream", () => {
    expect(problemsOf({ TPUF_URL: "https://tpuf.example.com" })).toEqual([
      "TURBOPUFFER_API_KEY is not set: must be the store's key when TPUF_URL or TURBOPUFFER_REGION is set",
    ]);
  });

  it.each(["0.0.0.0", "::", "192.168.1.7", "gateway.internal"])(
    "refuses to listen on %s with the well-known key, however that came about",
    (HOST) => {
      for (const environment of [{ HOST }, { HOST, TURBOPUFFER_API_KEY: "tpuf_local" }]) {
        expect(problemsOf(environment)[0]).toContain(`HOST=${HOST}: must be a loopback address`);
      }
      expect(problemsOf({ HOST, TURBOPUFFER_API_KEY: "a-secret" })).toEqual([]);
    },
  );

  it.each(["127.0.0.1", "127.8.8.8", "::1", "localhost", "::ffff:127.0.0.1"])(
    "takes %s for loopback",
    (HOST) => {
      expect(problemsOf({ HOST })).toEqual([]);
    },
  );

  it("refuses one port for two servers", () => {
    expect(problemsOf({ PORT: "8081" })).toEqual(["LAYER_ENGINE_PORT=8081: must differ from PORT"]);
    expect(problemsOf({ PORT: "0", LAYER_ENGINE_PORT: "0" })).toEqual([]);
  });

  it("has a table whose every default passes its own rule", () => {
    for (const setting of Object.values(settings)) {
      if (setting.defaultText === "none") continue;
      expect(setting.parse(setting.defaultText), setting.name).toMatchObject({ ok: true });
    }
  });
});
