/** `operations.py`: one constant for each operation, shared by the sync and the async client. */
import { PYTHON } from "../../dialects.js";
import type { Api, Operation } from "../../model.js";
import { constant } from "../../names.js";
import { Printer } from "../../printer.js";
import { pythonString, RUNTIME } from "./annotations.js";

/** `FETCH_DOCUMENT` */
export function operationConstant(operation: Operation): string {
  return constant(operation.words);
}

export function emitOperations(api: Api): string {
  const out = new Printer(PYTHON).preamble('"""How each operation is sent."""');
  out.import({ from: "__future__", name: "annotations" });
  out.import({ from: "typing", name: "Final" });
  out.import({ from: RUNTIME, name: "Operation" });
  for (const operation of api.operations) {
    out.blank();
    out.block(
      `${operationConstant(operation)}: Final = Operation(`,
      () => {
        out.line(`id=${pythonString(operation.id)},`);
        out.line(`method=${pythonString(operation.method)},`);
        out.line(`path=${pythonString(operation.path)},`);
        out.line(`safe=${pythonString(operation.safe)},`);
        if (operation.fallthrough !== "no") out.line(`fallthrough=${pythonString(operation.fallthrough)},`);
        if (operation.fixedQuery.length > 0) {
          const entries = operation.fixedQuery.map(
            ({ wire, value }) => `${pythonString(wire)}: ${pythonString(value)}`,
          );
          out.line(`fixed_query={${entries.join(", ")}},`);
        }
        if (operation.upstreamPath !== operation.path) {
          out.line(`upstream_path=${pythonString(operation.upstreamPath)},`);
        }
        if (operation.body?.required) out.line("body_required=True,");
        if (operation.wait) {
          // What is neither done nor failed is running, also in a release that knows more states.
          const { state, done, failed, progress } = operation.wait;
          const ends = `done=${pythonTuple(done)}, failed=${pythonTuple(failed)}`;
          const job = out.import({ from: RUNTIME, name: "JobStates" });
          out.line(`job=${job}(state=${pythonString(state)}, ${ends}, progress=${pythonString(progress)}),`);
        }
      },
      ")",
    );
  }
  return out.toString();
}

function pythonTuple(values: readonly string[]): string {
  return `(${values.map((value) => `${pythonString(value)},`).join(" ")})`;
}
