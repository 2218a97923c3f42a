/** The vendor's own TypeScript client, unchanged, against the engine and against the gateway in front of it. */
import { afterAll, beforeAll, describe, it } from "vitest";
import { KEY, type RunningGateway, startGateway } from "../../../scripts/running-gateway.js";
import { CHECK_NAMES, type CheckName, TARGETS } from "./checks.js";
import { type Check, createContext } from "./typescript/context.js";
import { errorChecks } from "./typescript/errors.js";
import { filterChecks } from "./typescript/filters.js";
import { namespaceChecks } from "./typescript/namespaces.js";
import { queryChecks } from "./typescript/queries.js";
import { valueChecks } from "./typescript/values.js";
import { writeChecks } from "./typescript/writes.js";

const checks: Record<CheckName, Check> = {
  ...writeChecks,
  ...queryChecks,
  ...filterChecks,
  ...valueChecks,
  ...namespaceChecks,
  ...errorChecks,
};

let gateway: RunningGateway;

beforeAll(async () => {
  gateway = await startGateway();
});

afterAll(async () => {
  await gateway.stop();
});

describe.each(TARGETS)("the vendor's TypeScript client against the %s", (target) => {
  it.each(CHECK_NAMES)("passes %s", async (name) => {
    const baseURL = target === "engine" ? gateway.engineUrl : gateway.url;
    await checks[name](createContext(target, { baseURL, apiKey: KEY }, name));
  });
});
