import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Hevlayer } from "./client.js";
import { type HevlayerOptions, resolveConfig } from "./config.js";
import { ConfigError } from "./errors.js";
import { VERSION } from "./version.js";

describe("resolveConfig", () => {
  it("takes options before the environment before defaults", () => {
    const env = {
      LAYER_GATEWAY_URL: "http://from-env:1",
      HEVLAYER_TIMEOUT_MS: "1234",
      LAYER_GATEWAY_API_KEY: "env-key",
    };
    expect(resolveConfig({ baseUrl: "http://from-option:2" }, env)).toMatchObject({
      baseUrl: "http://from-option:2",
      apiKey: "env-key",
      timeout: 1234,
      maxRetries: 3,
      turbopufferBaseUrl: "https://aws-us-east-1.turbopuffer.com",
    });
    expect(resolveConfig({}, {}).baseUrl).toBe("http://localhost:8080");
  });

  it("trims slashes, keeps a path prefix, and takes blank for none", () => {
    const config = resolveConfig({ baseUrl: " https://host/prefix// ", apiKey: "  " }, {});
    expect(config).toMatchObject({ baseUrl: "https://host/prefix", apiKey: undefined });
  });

  it.each([
    [{ HEVLAYER_TIMEOUT_MS: "soon" }, "HEVLAYER_TIMEOUT_MS"],
    [{ HEVLAYER_TIMEOUT_MS: "0" }, "HEVLAYER_TIMEOUT_MS"],
    [{ HEVLAYER_MAX_RETRIES: "101" }, "HEVLAYER_MAX_RETRIES"],
    [{ TURBOPUFFER_API_KEY: "two words" }, "TURBOPUFFER_API_KEY"],
    [{ HEVLAYER_MAX_RETRIES: "-1" }, "HEVLAYER_MAX_RETRIES"],
    [{ HEVLAYER_LOG: "loud" }, "HEVLAYER_LOG"],
    [{ LAYER_GATEWAY_URL: "localhost" }, "LAYER_GATEWAY_URL"],
    [{ TURBOPUFFER_API_URL: "ftp://x" }, "TURBOPUFFER_API_URL"],
    [{ LAYER_GATEWAY_URL: "http://u:p@host" }, "LAYER_GATEWAY_URL"],
    [{ LAYER_GATEWAY_URL: "http://host:0" }, "LAYER_GATEWAY_URL must not name port 0"],
    [{ LAYER_GATEWAY_URL: "http://host/?" }, "LAYER_GATEWAY_URL must not hold a query"],
    [{ LAYER_GATEWAY_URL: "http://host#" }, "LAYER_GATEWAY_URL must not hold a query"],
  ])("refuses the environment %o and names %s", (env, name) => {
    expect(() => resolveConfig({}, env)).toThrow(name);
    expect(() => resolveConfig({}, env)).toThrow(ConfigError);
  });

  it("takes a blank key for none, whatever the environment says, and a blank URL for one that is not given", () => {
    const env = {
      LAYER_GATEWAY_API_KEY: "env-key",
      TURBOPUFFER_API_KEY: "env-store-key",
      LAYER_GATEWAY_URL: "http://from-env:1",
    };
    expect(resolveConfig({ apiKey: "", turbopufferApiKey: " ", baseUrl: "" }, env)).toMatchObject({
      apiKey: undefined,
      turbopufferApiKey: undefined,
      baseUrl: "http://from-env:1",
    });
    expect(resolveConfig({ apiKey: undefined }, env).apiKey).toBe("env-key");
  });

  it.each([
    [{ fallbackToTurbopuffer: "false" }, "fallbackToTurbopuffer must be true or false"],
    [{ compressRequests: 1 }, "compressRequests must be true or false"],
    [{ fetch: {} }, "fetch must be a function"],
    [{ maxRetries: 101 }, "maxRetries must be a whole number from 0 to 100"],
    [{ apiKey: 5 }, "apiKey must be a string"],
    [{ timeout: "5" }, "timeout must be a number"],
    [{ totalTimeout: 0 }, "totalTimeout must be above 0"],
  ])("refuses the option %o", (options, message) => {
    expect(() => resolveConfig(options as HevlayerOptions, {})).toThrow(message);
  });

  it("never repeats a key that does not fit a header", () => {
    expect(() => resolveConfig({ apiKey: "se cret" }, {})).toThrow(
      /^apiKey must be printable ASCII without spaces$/,
    );
  });
});

describe("Hevlayer", () => {
  it.each([null, "http://x"])("takes its options as an object, not as %j", (options) => {
    expect(() => new Hevlayer(options as never)).toThrow("options must be an object");
  });

  it("keeps its options in a derived client, unless another value is given", async () => {
    const asked: Request[] = [];
    const fetch = async (request: Request): Promise<Response> => {
      asked.push(request);
      return Response.json({ status: "ok" });
    };
    const client = new Hevlayer({ baseUrl: "http://a", apiKey: "first", fetch });
    await client.withOptions({ apiKey: "second", baseUrl: undefined }).getHealth();
    expect(asked.map(({ url, headers }) => [url, headers.get("authorization")])).toEqual([
      ["http://a/health", "Bearer second"],
    ]);
  });

  it("adds the headers of a derived client to those there are", async () => {
    const asked: Request[] = [];
    const fetch = async (request: Request): Promise<Response> => {
      asked.push(request);
      return Response.json({ status: "ok" });
    };
    const client = new Hevlayer({ fetch, headers: { "x-a": "1", "x-b": "1" } });
    await client.withOptions({ headers: { "X-B": "2", "x-c": "2" } }).getHealth();
    const sent = asked[0]?.headers;
    expect(["x-a", "x-b", "x-c"].map((name) => sent?.get(name))).toEqual(["1", "2", "2"]);
  });

  it("refuses an option it does not know", () => {
    const options: object = { baseURL: "http://x" };
    expect(() => new Hevlayer(options)).toThrow("unknown option baseURL");
  });

  it("has the version of its package", () => {
    const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(VERSION).toBe(manifest.version);
  });
});
