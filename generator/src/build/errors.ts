/** The closed catalogue of error codes, from `x-hev-errors` at the root of the spec. */
import type { ErrorCode } from "../model.js";
import { splitWords } from "../names.js";
import type { SpecNode } from "../spec-source.js";

export function buildErrorCodes(root: SpecNode): ErrorCode[] {
  const seen = new Set<string>();
  return (root.get("x-hev-errors")?.items() ?? []).map((node) => {
    const code = node.need("code").string();
    if (seen.has(code)) node.fail(`x-hev-errors: code ${code} is listed twice`);
    seen.add(code);
    const status = node.need("status").value;
    if (typeof status !== "number" || !Number.isInteger(status) || status < 400 || status > 599) {
      return node.need("status").fail(`x-hev-errors: ${code}: status must be between 400 and 599`);
    }
    return {
      code,
      words: splitWords(code),
      status,
      retryable: node.flag("retryable"),
      doc: node.need("meaning").string(),
    };
  });
}
