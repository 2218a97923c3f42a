/** The example programs run as written against a real gateway. */
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { KEY, type RunningGateway, startGateway } from "../../../scripts/running-gateway.js";

const EXAMPLES = fileURLToPath(new URL("../examples/", import.meta.url));
const TSX = fileURLToPath(new URL("../../../node_modules/.bin/tsx", import.meta.url));

/** The last line each prints when all went well. */
const LAST_LINE: Readonly<Record<string, string>> = { "basic.ts": "OK", "query.ts": "{ total: 2 }" };

let gateway: RunningGateway;
beforeAll(async () => {
  gateway = await startGateway();
}, 60_000);
afterAll(() => gateway?.stop());

it("knows every example", () => {
  expect(readdirSync(EXAMPLES).sort()).toEqual(Object.keys(LAST_LINE));
});

it.each(Object.entries(LAST_LINE))("%s", { timeout: 60_000 }, async (file, line) => {
  const env = { ...process.env, LAYER_GATEWAY_URL: gateway.url, LAYER_GATEWAY_API_KEY: KEY };
  const { stdout } = await promisify(execFile)(TSX, [EXAMPLES + file], { env, timeout: 50_000 });
  expect(stdout.trim().split("\n").at(-1)).toBe(line);
});
