/**
 * What is wrong with a write body, and which of several faults its caller is told.
 *
 * The order between kinds is the contract's, not the body's, so that the answer does not depend on how a client happens
 * to order its keys.
 */

import { AppError } from "../../errors.js";

export type FaultKind = "removed" | "shape" | "reserved";

const operationKeys = new Set([
  "upsert_rows",
  "upsert_columns",
  "patch_rows",
  "patch_columns",
  "deletes",
  "delete_by_filter",
  "patch_by_filter",
  "copy_from_namespace",
  "branch_from_namespace",
  "schema",
  "create_namespace",
]);

/** Whether a top-level key alone makes a body a write. */
export function isOperationKey(name: string): boolean {
  return operationKeys.has(name);
}

/** Collects faults while a body is walked; only the first of each kind counts. */
export class WriteFaults {
  readonly #first = new Map<FaultKind, string>();

  /** @param message names field and rule */
  add(kind: FaultKind, message: string): void {
    if (!this.#first.has(kind)) this.#first.set(kind, message);
  }

  /** @throws AppError `validation_error`: a removed key, else a missing operation, else a shape, else a reserved name */
  throwFirst(hasOperation: boolean): void {
    const missing = hasOperation
      ? undefined
      : `write body: no operation key, one of ${[...operationKeys].join(", ")} is needed`;
    const message =
      this.#first.get("removed") ?? missing ?? this.#first.get("shape") ?? this.#first.get("reserved");
    if (message !== undefined) throw new AppError("validation_error", message);
  }
}
