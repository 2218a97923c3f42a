/** The error catalogue as data: a code's status and retryability are the spec's, so the server cannot answer otherwise. */
import { TYPESCRIPT } from "../../dialects.js";
import type { Api } from "../../model.js";
import { typescriptKey } from "../../names.js";
import { Printer } from "../../printer.js";

export function emitErrors(api: Api): string {
  const out = new Printer(TYPESCRIPT);
  out.doc(
    "Every code that the gateway itself answers with, its HTTP status, and whether a client may try again.",
  );
  out.block(
    "export const errorCatalogue = {",
    () => {
      for (const error of api.errorCodes) {
        out.doc(error.doc);
        out.line(`${typescriptKey(error.code)}: { status: ${error.status}, retryable: ${error.retryable} },`);
      }
    },
    "} as const;",
  );
  out.blank();
  out.doc("A code of the catalogue.");
  out.line("export type ErrorCode = keyof typeof errorCatalogue;");
  return out.toString();
}
