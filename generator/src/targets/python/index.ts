/**
 * The Python client's generated part: models, the operation table, the error catalogue, and the sync and the async
 * client from one template. It calls the hand-written `_runtime` module and nothing else.
 */
import type { Target } from "../../model.js";
import { emitClient } from "./client.js";
import { emitErrors } from "./errors.js";
import { emitModels } from "./models.js";
import { emitOperations } from "./operations.js";

const FOLDER = "clients/python/src/hevlayer/_generated/";

export const python: Target = {
  name: "python",
  doc: "Python client, sync and async: models, operations and error codes",
  owned: [FOLDER],
  async emit(api) {
    return [
      { path: `${FOLDER}async_client.py`, text: emitClient(api, "async") },
      { path: `${FOLDER}client.py`, text: emitClient(api, "sync") },
      { path: `${FOLDER}errors.py`, text: emitErrors(api) },
      { path: `${FOLDER}models.py`, text: emitModels(api) },
      { path: `${FOLDER}operations.py`, text: emitOperations(api) },
    ];
  },
};
