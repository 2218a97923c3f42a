/**
 * One case: one scenario through one driver.
 *
 * Steps run in order and the case stops at the first step that does not go as expected, since later steps build on it.
 * Afterwards the record of the scripted server is judged.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { CaseContext } from "./case-context.js";
import { DriverFault, type DriverProcess } from "./driver-process.js";
import { runStep, type StepOutcome } from "./run-step.js";
import type { Scenario, Step } from "./scenario.js";
import type { Script } from "./script.js";
import { startScriptedServer } from "./scripted-server.js";
import type { Servers } from "./servers.js";
import { expand, type Variables } from "./variables.js";
import { compareWire } from "./wire-expect.js";

export interface CaseOutcome {
  /** Why the case is red; empty when it passed. */
  problems: string[];
  /** operationIds that the driver called and answered. */
  called: Set<string>;
  /** The driver broke and must be replaced. */
  driverLost: boolean;
}

/** What a case talks to. */
interface Stage {
  url: string;
  script?: Script;
  close(): Promise<void>;
}

/** Runs one scenario through a driver process. Failures of any kind become problems; nothing is thrown. */
export async function runCase(
  scenario: Scenario,
  driverName: string,
  driver: DriverProcess,
  context: CaseContext,
): Promise<CaseOutcome> {
  const outcome: CaseOutcome = { problems: [], called: new Set(), driverLost: false };
  const namespace = namespaceOf(scenario.id, driverName, context.runId);
  const { servers } = context;
  let stage: Stage | undefined;
  try {
    const variables: Variables = new Map([
      ["ns", namespace],
      ["ns2", `${namespace}2`],
      ["key", servers.key],
      ["refused", await servers.refusedUrl()],
    ]);
    stage = await setStage(scenario, namespace, servers, variables);
    variables.set("server", stage.url);
    // The same machine under another name: another origin, as far as credentials go.
    variables.set("elsewhere", stage.url.replace("127.0.0.1", "localhost"));
    await runSteps({ scenario, script: stage.script, driver, context, variables }, outcome);
    if (stage.script !== undefined) outcome.problems.push(...judge(stage.script, scenario, variables));
  } catch (cause) {
    outcome.problems.push(describe(cause));
    outcome.driverLost = cause instanceof DriverFault;
  } finally {
    await stage?.close();
  }
  return outcome;
}

async function setStage(
  scenario: Scenario,
  namespace: string,
  servers: Servers,
  variables: Variables,
): Promise<Stage> {
  if (scenario.server === "scripted") {
    const server = await startScriptedServer();
    variables.set("server", server.url);
    variables.set("elsewhere", server.url.replace("127.0.0.1", "localhost"));
    const script = server.open("", expand(scenario.script ?? [], variables));
    return { url: server.url, script, close: server.close };
  }
  const url = await servers.url(scenario.server);
  if (scenario.server === "upstream") {
    const upstream = await servers.upstream();
    const script = upstream.open(namespace, expand(scenario.script ?? [], variables), true);
    return { url, script, close: async () => upstream.release(namespace) };
  }
  return {
    url,
    close: () => (servers.foreign ? deleteNamespaces(url, servers.key, namespace) : Promise.resolve()),
  };
}

/** What the steps of a case share. */
interface Course {
  scenario: Scenario;
  script: Script | undefined;
  driver: DriverProcess;
  context: CaseContext;
  variables: Variables;
}

/** Pause before a step is tried again, ms. */
const AGAIN_MS = 25;

async function runSteps(course: Course, outcome: CaseOutcome): Promise<void> {
  const { scenario, script, variables } = course;
  for (const [index, raw] of scenario.steps.entries()) {
    if (script !== undefined) script.step = index + 1;
    const step = expand(raw, variables);
    const { problems, bound } = await tryStep(step, course);
    if (step.op !== undefined) outcome.called.add(step.op);
    for (const [name, value] of bound) variables.set(name, value);
    if (problems.length > 0) {
      const label = step.op ?? `${step.request?.method} ${step.request?.target}`;
      outcome.problems.push(...problems.map((problem) => `step ${index + 1} ${label}: ${problem}`));
      return;
    }
  }
}

/** Runs a step, again and again where it may take a while to go as expected. */
async function tryStep(step: Step, { scenario, driver, context, variables }: Course): Promise<StepOutcome> {
  const client = {
    base_url: String(variables.get("server")),
    api_key: context.servers.key,
    ...expand(scenario.client ?? {}, variables),
    ...step.client,
  };
  const deadline = performance.now() + (step.within_ms ?? 0);
  for (;;) {
    const outcome = await runStep(step, client, String(variables.get("ns")), driver, context);
    if (outcome.problems.length === 0 || performance.now() >= deadline) return outcome;
    await sleep(AGAIN_MS);
  }
}

function judge(script: Script, scenario: Scenario, variables: Variables): string[] {
  const wire =
    scenario.wire === undefined ? [] : compareWire(script.requests, expand(scenario.wire, variables));
  return [...script.problems(), ...wire];
}

/**
 * A namespace of this case alone. The tail keeps one case's name from occurring inside another's, which is how the
 * scripted upstream tells requests apart.
 */
function namespaceOf(scenarioId: string, driverName: string, runId: string): string {
  return `conf-${runId}-${scenarioId.replaceAll("/", "-")}-${driverName}.z`;
}

async function deleteNamespaces(url: string, key: string, namespace: string): Promise<void> {
  for (const name of [namespace, `${namespace}2`]) {
    const target = `${url.replace(/\/+$/, "")}/v2/namespaces/${name}`;
    const failed = await fetch(target, {
      method: "DELETE",
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(30_000),
    }).then(
      (response) => (response.ok || response.status === 404 ? undefined : `status ${response.status}`),
      (cause: unknown) => String(cause),
    );
    if (failed !== undefined) process.stderr.write(`clean-up: ${name} was not deleted: ${failed}\n`);
  }
}

function describe(cause: unknown): string {
  if (cause instanceof DriverFault) {
    return cause.stderr.trim() === ""
      ? cause.message
      : `${cause.message}; its standard error ends:\n${cause.stderr.trim()}`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}
