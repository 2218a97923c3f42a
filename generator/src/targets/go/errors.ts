/** The catalogue of error codes: constants with their meanings, and which of them are worth another try. */
import { GO } from "../../dialects.js";
import type { Api } from "../../model.js";
import { goExported } from "../../names.js";
import { Printer } from "../../printer.js";

export function emitErrors(api: Api): string {
  const out = new Printer(GO).preamble("package hevlayer");
  out.doc("ErrorCode is the machine code of an error that the gateway itself produces.");
  out.line("type ErrorCode string");
  out.blank();
  out.doc("The catalogue of error codes.");
  out.block(
    "const (",
    () => {
      for (const error of api.errorCodes) {
        out.doc(`Status ${error.status}. ${error.doc}`);
        out.line(`ErrorCode${goExported(error.words)} ErrorCode = ${JSON.stringify(error.code)}`);
      }
    },
    ")",
  );
  out.blank();
  out.doc(
    "Retryable says whether another try may help. True for codes outside the catalogue: there the status decides.",
  );
  const final = api.errorCodes.filter((error) => !error.retryable);
  out.block(
    "func (c ErrorCode) Retryable() bool {",
    () => {
      out.line("switch c {");
      if (final.length > 0) {
        const names = final.map((error) => `ErrorCode${goExported(error.words)}`);
        out.line(`case ${names.join(",\n\t")}:`);
        out.indented(() => out.line("return false"));
      }
      out.line("default:").indented(() => out.line("return true"));
      out.line("}");
    },
    "}",
  );
  return out.toString();
}
