/** Pages that people read straight from the spec. */
import { header } from "../../header.js";
import type { Api, Target } from "../../model.js";
import { operationsPage } from "./operations.js";

const ERRORS = "docs/errors.md";
const OPERATIONS = "docs/operations.md";

export const docs: Target = {
  name: "docs",
  doc: "pages: the operations and the error catalogue",
  owned: [ERRORS, OPERATIONS],
  async emit(api) {
    return [
      { path: ERRORS, text: errorsPage(api) },
      { path: OPERATIONS, text: operationsPage(api) },
    ];
  },
};

function errorsPage(api: Api): string {
  const rows = api.errorCodes.map(
    ({ code, status, retryable, doc }) =>
      `| \`${code}\` | ${status} | ${retryable ? "yes" : "no"} | ${doc} |`,
  );
  return `${header("html")}

# Errors

Every error that the gateway itself produces has a body \`{"error": code, "message": text}\`; the codes are these and no
others. Answers of Turbopuffer that are not a success are relayed as they came, \`{"status": "error", "error": text}\`. A
*retryable* error may go away by itself; whether a client tries again depends on the call too: a write is only repeated
when it surely was not processed.

| code | status | retryable | meaning |
|---|---|---|---|
${rows.join("\n")}
`;
}
