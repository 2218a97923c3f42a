/** The method that waits for a job, beside the one that reads it. */
import type { Field, Wait } from "../../model.js";
import { goExported, goLocal, waitWords } from "../../names.js";
import type { Printer } from "../../printer.js";
import type { Method } from "./method.js";
import type { Declarations } from "./shape.js";
import { fieldName } from "./types.js";

/** Emits the waiter of an operation that reads a job, nothing for any other. */
export function emitWaiter(out: Printer, method: Method, declared: Declarations, context: string): void {
  const { operation, name, descriptor, result } = method;
  const { wait } = operation;
  if (!wait) return;
  const waiter = goExported(waitWords(operation.words));
  const path = operation.pathParams.map((param) => goLocal(param.words)).join(", ");
  const state = fieldName(fieldOf(method, wait.state, declared));
  const progress = fieldName(fieldOf(method, wait.progress, declared));
  out.blank();
  out.doc(
    `${waiter} waits for a job to end: it asks ${name} until then and returns the job as it ended. The error is a ` +
      "*JobFailedError when the job failed and a *WaitTimeoutError when it runs on; the job comes with both. A nil wait " +
      "means the defaults; opts apply to every request, except that WithTotalTimeout limits the whole wait (default 10 min).",
  );
  out.block(
    `func (c *Client) ${waiter}(ctx ${context}.Context, ${path} string, wait *WaitOptions[${result}], opts ...RequestOption) (${result}, error) {`,
    () => {
      out.block(
        `look := func(job ${result}) (jobState, float64) {`,
        () => out.line(...stateSwitch(wait, `job.${state}`, `job.${progress}`)),
        "}",
      );
      out.line(
        `return waitFor(ctx, c, &${descriptor}, arguments{path: []string{${path}}}, look, wait, opts)`,
      );
    },
    "}",
  );
}

/** What is neither done nor failed is running, also in a release that knows more states. */
function stateSwitch(wait: Wait, state: string, progress: string): string[] {
  const cases = (values: readonly string[], outcome: string) =>
    values.length === 0
      ? []
      : [
          `case ${values.map((text) => JSON.stringify(text)).join(", ")}:`,
          `\treturn ${outcome}, ${progress}`,
        ];
  return [
    `switch ${state} {`,
    ...cases(wait.done, "jobDone"),
    ...cases(wait.failed, "jobFailed"),
    "}",
    `return jobRuns, ${progress}`,
  ];
}

function fieldOf({ operation }: Method, wire: string, declared: Declarations): Field {
  const answer = operation.success.type && declared.resolve(operation.success.type);
  const found = answer?.kind === "object" && answer.fields.find((field) => field.wire === wire);
  if (!found) throw new Error(`operation ${operation.id}: x-hev-wait names ${wire}, which its answer lacks`);
  return found;
}
