/** `errors.py`: the catalogue of error codes as data. It imports nothing of ours, so the runtime can build on it. */
import { PYTHON } from "../../dialects.js";
import type { Api } from "../../model.js";
import { Printer } from "../../printer.js";
import { pythonLiteral, pythonString } from "./annotations.js";

const CODE_INFO = `class ErrorCodeInfo(NamedTuple):
    """What the catalogue says about a code."""

    status: int
    """HTTP status it comes with."""
    retryable: bool
    """Whether trying again can help."""
    meaning: str
    """What it says, for people."""`;

export function emitErrors(api: Api): string {
  const out = new Printer(PYTHON).preamble('"""Error codes that the gateway itself answers with."""');
  out.import({ from: "__future__", name: "annotations" });
  for (const name of ["Final", "NamedTuple", "TypeAlias"]) out.import({ from: "typing", name });
  out.line(`ErrorCode: TypeAlias = ${codeType(api, out)}`);
  out.doc("A code of the catalogue. Answers relayed from Turbopuffer carry none.");
  out.blank().blank().line(CODE_INFO).blank().blank();
  out.block(
    "ERROR_CODES: Final[dict[ErrorCode, ErrorCodeInfo]] = {",
    () => {
      for (const error of api.errorCodes) {
        const info = [error.status, error.retryable, error.doc].map(pythonLiteral).join(", ");
        out.line(`${pythonString(error.code)}: ErrorCodeInfo(${info}),`);
      }
    },
    "}",
  );
  out.doc("The whole catalogue.").blank();
  out.line(
    "NOT_RETRYABLE: Final = frozenset(code for code, info in ERROR_CODES.items() if not info.retryable)",
  );
  out.doc("Codes after which the same request cannot succeed.");
  return out.toString();
}

/** Python has no empty Literal, so a spec without a catalogue leaves codes as plain strings. */
function codeType(api: Api, out: Printer): string {
  if (api.errorCodes.length === 0) return "str";
  const codes = api.errorCodes.map((error) => pythonString(error.code)).join(", ");
  return `${out.import({ from: "typing", name: "Literal" })}[${codes}]`;
}
