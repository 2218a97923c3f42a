/** The whole gateway inside the test's process, answers checked against the spec, on ports and folders of its own. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type ComposeDependencies, compose } from "../src/compose.js";
import { parseConfig } from "../src/config.js";
import { listen } from "../src/http/server.js";
import { createLog } from "../src/log.js";
import { limits } from "../src/settings.js";

export interface RunningGateway {
  readonly url: string;
  readonly key: string;
  readonly engineUrl: string | undefined;
  readonly dataDir: string;
  readonly logLines: Record<string, unknown>[];
  /** `fetch` with the key and a JSON content type. A `json` option becomes the body. */
  request(path: string, init?: RequestInit & { json?: unknown }): Promise<Response>;
  stop(options?: { keepData?: boolean }): Promise<void>;
}

/** Starts with `environment` over settings that keep it to itself; without an upstream there, the engine is embedded. */
export async function startGateway(
  environment: Record<string, string> = {},
  dependencies: Omit<ComposeDependencies, "log"> = {},
): Promise<RunningGateway> {
  const dataDir = environment.LAYER_DATA_DIR ?? (await mkdtemp(path.join(tmpdir(), "hevlayer-gateway-")));
  const config = parseConfig({
    PORT: "0",
    LAYER_ENGINE_PORT: "0",
    LAYER_DATA_DIR: dataDir,
    LAYER_DRAIN_MARKER_PATH: path.join(dataDir, "draining"),
    LAYER_VALIDATE_RESPONSES: "true",
    NAMESPACE_LIST_CACHE_TTL_MS: "0",
    ...environment,
  });
  const logLines: Record<string, unknown>[] = [];
  const log = createLog("debug", { write: (line) => void logLines.push(JSON.parse(line)) });
  const gateway = await compose(config, { ...dependencies, log });
  const server = await listen(gateway.served, {
    ...limits,
    host: config.host,
    port: config.port,
  });
  const key = config.upstream.storeKey;
  return {
    url: server.url,
    key,
    engineUrl: gateway.engineUrl,
    dataDir,
    logLines,
    request: (to, { json, ...init } = {}) =>
      fetch(server.url + to, {
        ...init,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...init.headers },
        ...(json === undefined ? {} : { body: JSON.stringify(json), method: init.method ?? "POST" }),
      }),
    async stop({ keepData = false } = {}) {
      await server.close(1_000);
      await gateway.close();
      if (!keepData) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
