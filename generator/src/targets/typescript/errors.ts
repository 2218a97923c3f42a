/** `errors.ts` of the client: the catalogue of error codes as data. */
import { TYPESCRIPT } from "../../dialects.js";
import type { Api } from "../../model.js";
import { typescriptKey } from "../../names.js";
import { Printer } from "../../printer.js";

export function emitErrors(api: Api): string {
  const printer = new Printer(TYPESCRIPT);
  printer.doc(
    "The gateway's error codes: the HTTP status each comes with, and whether the call may be tried again.",
  );
  printer.block(
    "export const errorCatalogue = {",
    () => {
      for (const { code, status, retryable, doc } of api.errorCodes) {
        printer.doc(doc).line(`${typescriptKey(code)}: { status: ${status}, retryable: ${retryable} },`);
      }
    },
    "} as const;",
  );
  printer.blank().doc("A machine code of the gateway's own errors.");
  printer.line("export type ErrorCode = keyof typeof errorCatalogue;");
  return printer.toString();
}
