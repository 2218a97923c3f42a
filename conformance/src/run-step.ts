/** One step: the call it makes through a driver, and the judgement of what came back. */

import type { CaseContext } from "./case-context.js";
import type { DriverProcess, Reply } from "./driver-process.js";
import { ABSENT, compare } from "./expect.js";
import type { ClientConfig, Expect, Step } from "./scenario.js";
import { printJson, type Value, type ValueObject } from "./values.js";
import { pick } from "./variables.js";

export interface StepOutcome {
  problems: string[];
  bound: Map<string, Value>;
}

/** The last reply of a step, and the items an iteration gave before it. */
interface Observed {
  reply: Reply;
  items: Value[];
  tookMs: number;
}

/** More items than any scenario's listing has. */
const ITEMS_MAX = 1_000;

/**
 * Makes the call and judges the answer.
 *
 * @param namespace the `namespace` path argument where the step names none.
 * @throws DriverFault when the driver hangs or breaks.
 */
export async function runStep(
  step: Step,
  client: ClientConfig,
  namespace: string,
  driver: DriverProcess,
  context: CaseContext,
): Promise<StepOutcome> {
  const observed = await perform(step, client, namespace, driver, context);
  const expected = step.expect ?? {};
  const problems = [...judge(observed, expected), ...findSecret(observed.reply, context.servers.key)];
  const bound = new Map<string, Value>();
  for (const [name, path] of Object.entries(step.bind ?? {})) {
    const value = observed.reply.type === "result" ? pick(observed.reply.value, path) : undefined;
    if (value === undefined) problems.push(`nothing to bind to ${name} at ${path}`);
    else bound.set(name, value);
  }
  return { problems, bound };
}

async function perform(
  step: Step,
  client: ClientConfig,
  namespace: string,
  driver: DriverProcess,
  context: CaseContext,
): Promise<Observed> {
  const started = performance.now();
  const { id, reply } = driver.call(messageOf(step, client, namespace, context), context.stepMs);
  const cancel =
    step.cancel_after_ms === undefined
      ? undefined
      : setTimeout(() => driver.cancel(id), step.cancel_after_ms);
  try {
    const first = await reply;
    const { last, items } =
      step.iterate === undefined || first.type === "error"
        ? { last: first, items: [] }
        : await iterate(driver, id, step.iterate.take ?? Number.POSITIVE_INFINITY, context.stepMs);
    return { reply: last, items, tookMs: performance.now() - started };
  } finally {
    clearTimeout(cancel);
  }
}

/**
 * Takes items until the walk ends or enough were taken. A walk past any scenario's size counts as endless: a client that
 * follows a repeated cursor would otherwise keep answering in time for ever.
 */
async function iterate(
  driver: DriverProcess,
  id: number,
  take: number,
  stepMs: number,
): Promise<{ last: Reply; items: Value[] }> {
  const items: Value[] = [];
  while (items.length < take) {
    const reply = await driver.continue(id, "next", stepMs);
    if (reply.type === "error" || reply.done === true) return { last: reply, items };
    items.push(reply.value);
    if (items.length > ITEMS_MAX) throw new Error(`the walk gave more than ${ITEMS_MAX} items`);
  }
  return { last: await driver.continue(id, "close", stepMs), items };
}

function messageOf(step: Step, client: ClientConfig, namespace: string, context: CaseContext): ValueObject {
  if (step.op === undefined) {
    return {
      op: "$request",
      client: { ...client },
      path: [],
      body: { ...step.request } as ValueObject,
      perf: true,
    };
  }
  const operation = context.spec.get(step.op);
  if (operation === undefined) throw new Error(`op ${step.op} is not in the spec`);
  const path = operation.pathParams.map((name) => {
    const value = step.path?.[name] ?? (name === "namespace" ? namespace : undefined);
    if (value === undefined) throw new Error(`${step.op} needs path ${name}`);
    return value;
  });
  return {
    op: step.op,
    client: { ...client },
    path,
    query: step.query ?? {},
    takes: { body: operation.hasBody, query: operation.queryParams.length > 0 },
    lifts: operation.meta.map((hint) => hint.field),
    options: { ...step.options },
    ...(step.body === undefined ? {} : { body: step.body }),
    ...(step.expect?.meta === undefined ? {} : { perf: true }),
    ...(step.iterate === undefined ? {} : { iterate: true }),
  };
}

function judge(observed: Observed, expected: Expect): string[] {
  const { reply, tookMs, items } = observed;
  const problems: string[] = [];
  const { min, max } = expected.took_ms ?? {};
  if (min !== undefined && tookMs < min)
    problems.push(`took ${Math.round(tookMs)} ms, expected at least ${min}`);
  if (max !== undefined && tookMs > max)
    problems.push(`took ${Math.round(tookMs)} ms, expected at most ${max}`);
  if (expected.items !== undefined) problems.push(...compare(items, expected.items, "/items"));
  if (expected.error === undefined) return [...problems, ...judgeResult(reply, expected)];
  return [...problems, ...judgeError(reply, expected.error)];
}

function judgeResult(reply: Reply, expected: Expect): string[] {
  if (reply.type === "error") {
    return [`got error ${reply.class} (${reply.native}) ${shortFields(reply.fields)}, expected a result`];
  }
  return [
    ...(expected.result === undefined ? [] : compare(reply.value, expected.result)),
    ...(expected.exact === undefined ? [] : compare(reply.value, expected.exact, "", "exact")),
    ...(expected.meta === undefined ? [] : compare(reply.meta ?? ABSENT, expected.meta, "/meta")),
  ];
}

function judgeError(reply: Reply, expected: ValueObject): string[] {
  if (reply.type === "result") {
    return [`got result ${printJson(reply.value).slice(0, 400)}, expected error ${printJson(expected)}`];
  }
  const { class: wanted, ...fields } = expected;
  const problems = compare(reply.fields, fields, "/error");
  if (wanted !== undefined && wanted !== reply.class) {
    problems.unshift(
      `got error class ${reply.class} (${reply.native}) ${shortFields(reply.fields)}, expected ${String(wanted)}`,
    );
  }
  return problems;
}

function shortFields(fields: ValueObject): string {
  const { status, code, message } = fields;
  return printJson({ status: status ?? null, code: code ?? null, message: message ?? null });
}

/** No error may show the key, whatever a scenario is about. */
function findSecret(reply: Reply, key: string): string[] {
  const leaked = reply.type === "error" && printJson(reply.fields).includes(key);
  return leaked ? ["the error shows the API key"] : [];
}
