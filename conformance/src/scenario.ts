/**
 * Scenario files: their types, and reading them.
 *
 * A file that is wrong stops the run before any case starts: a scenario that is quietly dropped would look like a pass.
 * Besides the JSON Schema, the links between a scenario and the spec are checked here: operation ids, path arguments and
 * query parameters that exist.
 */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import type { Spec } from "./spec.js";
import { normalise, type Value, type ValueObject } from "./values.js";

export type ServerKind = "gateway" | "upstream" | "refused" | "scripted";

/** Construction options of a client, by neutral name. */
export interface ClientConfig {
  base_url?: string;
  api_key?: string;
  timeout_ms?: number;
  max_retries?: number;
  turbopuffer_api_key?: string;
  turbopuffer_base_url?: string;
  fallback_to_turbopuffer?: boolean;
}

/** One scripted answer. */
export interface Answer {
  on?: string;
  times?: number | "any";
  /** Counted from 1. */
  from_step?: number;
  status?: number;
  headers?: Record<string, string>;
  json?: Value;
  text?: string;
  gzip?: boolean;
  delay_ms?: number;
  reset?: boolean;
  cut_after?: number;
  stall_after?: number;
}

export interface RawRequest {
  method: string;
  target: string;
  headers?: Record<string, string>;
  json?: Value;
  text?: string;
  gzip?: boolean;
}

export interface Expect {
  result?: Value;
  exact?: Value;
  error?: ValueObject;
  meta?: ValueObject;
  items?: Value;
  took_ms?: { min?: number; max?: number };
}

export interface Step {
  op?: string;
  request?: RawRequest;
  path?: ValueObject;
  query?: ValueObject;
  body?: Value;
  client?: ClientConfig;
  options?: { timeout_ms?: number; max_retries?: number; headers?: Record<string, string> };
  iterate?: { take?: number };
  cancel_after_ms?: number;
  within_ms?: number;
  bind?: Record<string, string>;
  expect?: Expect;
}

export interface WirePattern {
  method?: string;
  path?: Value;
  query?: Value;
  headers?: ValueObject;
  absent_headers?: string[];
  json?: Value;
  json_exact?: Value;
  text?: Value;
}

export interface Wire {
  only?: string;
  requests: WirePattern[];
}

export interface Scenario {
  id: string;
  title: string;
  operations: string[];
  server: ServerKind;
  columns?: "all" | "clients" | "control";
  why_columns?: string;
  /** What the library must be able to do; a driver may declare that it lacks it. */
  needs?: string[];
  client?: ClientConfig;
  script?: Answer[];
  steps: Step[];
  wire?: Wire;
}

/** Problems in scenario files, all of them, one a line. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
}

/**
 * Reads every `*.yaml` of a folder, in name order.
 *
 * @throws ScenarioError listing every problem found, each with file and scenario id.
 */
export function loadScenarios(folder: string, schemaPath: string, spec: Spec): Scenario[] {
  const validate = new Ajv2020({ allErrors: true, strict: true, strictRequired: false }).compile(
    JSON.parse(readFileSync(schemaPath, "utf8")) as object,
  );
  const scenarios: Scenario[] = [];
  const problems: string[] = [];
  const files = readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .sort();
  for (const file of files) {
    const content = normalise(parse(readFileSync(join(folder, file), "utf8"), { intAsBigInt: true }));
    if (!validate(content)) {
      for (const error of validate.errors ?? []) {
        problems.push(`${file}: ${error.instancePath || "/"} ${error.message ?? "is invalid"}`);
      }
      continue;
    }
    for (const scenario of (content as unknown as { scenarios: Scenario[] }).scenarios) {
      for (const problem of check(scenario, basename(file, ".yaml"), spec)) {
        problems.push(`${file}: ${scenario.id}: ${problem}`);
      }
      if (scenarios.some((other) => other.id === scenario.id))
        problems.push(`${file}: id ${scenario.id} is taken`);
      scenarios.push(scenario);
    }
  }
  if (problems.length > 0) throw new ScenarioError(problems.join("\n"));
  return scenarios;
}

function check(scenario: Scenario, group: string, spec: Spec): string[] {
  const problems: string[] = [];
  if (!scenario.id.startsWith(`${group}/`)) problems.push(`id must begin with ${group}/`);
  const called = new Set(scenario.steps.flatMap((step) => (step.op === undefined ? [] : [step.op])));
  for (const id of scenario.operations) {
    if (!spec.has(id)) problems.push(`operations names ${id}, which the spec does not have`);
    else if (!called.has(id) && scenario.columns !== "control") {
      problems.push(`operations names ${id}, which no step calls`);
    }
  }
  scenario.steps.forEach((step, index) => {
    for (const problem of checkStep(step, spec)) problems.push(`step ${index + 1}: ${problem}`);
    if (step.request !== undefined && scenario.columns !== "control") {
      problems.push(`step ${index + 1}: a raw request needs columns: control`);
    }
  });
  if (scenario.server === "scripted" || scenario.server === "upstream") {
    if (scenario.script === undefined) problems.push(`server ${scenario.server} needs a script`);
  } else if (scenario.script !== undefined || scenario.wire !== undefined) {
    problems.push(`server ${scenario.server} takes neither script nor wire`);
  }
  if (scenario.wire === undefined && !scenario.steps.some((step) => step.expect !== undefined)) {
    problems.push("expects nothing, so it cannot fail");
  }
  return problems;
}

function checkStep(step: Step, spec: Spec): string[] {
  if (step.op === undefined) return [];
  const operation = spec.get(step.op);
  if (operation === undefined) return [`op ${step.op} is not in the spec`];
  const problems: string[] = [];
  for (const name of Object.keys(step.path ?? {})) {
    if (!operation.pathParams.includes(name)) problems.push(`${step.op} has no path parameter ${name}`);
  }
  for (const name of operation.pathParams) {
    if (name !== "namespace" && step.path?.[name] === undefined)
      problems.push(`${step.op} needs path ${name}`);
  }
  for (const name of Object.keys(step.query ?? {})) {
    if (!operation.queryParams.includes(name)) problems.push(`${step.op} has no query parameter ${name}`);
  }
  if (step.body !== undefined && !operation.hasBody) problems.push(`${step.op} takes no body`);
  if (step.iterate !== undefined && operation.page === undefined)
    problems.push(`${step.op} is not a paged listing`);
  if (step.expect?.items !== undefined && step.iterate === undefined)
    problems.push("expect.items needs iterate");
  return problems;
}
