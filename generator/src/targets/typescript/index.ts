/** The TypeScript client: types from openapi-typescript, methods from the model, over the runtime in `clients/typescript`. */
import type { Target } from "../../model.js";
import { emitErrors } from "./errors.js";
import { emitOperations } from "./operations.js";
import { emitTypes } from "./types.js";

const FOLDER = "clients/typescript/src/generated/";

export const typescript: Target = {
  name: "typescript",
  doc: "types and operations of the TypeScript client",
  owned: [FOLDER],
  async emit(api, context) {
    return [
      { path: `${FOLDER}types.ts`, text: await emitTypes(api, context.document) },
      { path: `${FOLDER}operations.ts`, text: emitOperations(api) },
      { path: `${FOLDER}errors.ts`, text: emitErrors(api) },
    ];
  },
};
