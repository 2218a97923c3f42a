/**
 * The Go client's generated half: wire types, one method for each operation, the error codes. All of it is in the one
 * package of the client and calls the written half (`call`, `data`, `newIter`) for everything that happens at run time.
 */
import type { Target } from "../../model.js";
import { emitErrors } from "./errors.js";
import { emitOperations } from "./operations.js";
import { emitTypes } from "./types.js";

const FOLDER = "clients/go/";

export const go: Target = {
  name: "go",
  doc: "Types, methods and error codes of the Go client",
  owned: [FOLDER],
  async emit(api) {
    return [
      { path: `${FOLDER}types_gen.go`, text: emitTypes(api) },
      { path: `${FOLDER}operations_gen.go`, text: emitOperations(api) },
      { path: `${FOLDER}errors_gen.go`, text: emitErrors(api) },
    ];
  },
};
