/**
 * The server's side of the spec: wire types, the error catalogue, one handler interface for each tag, and the route
 * table with the function that mounts handlers on it. What an operation does is written by hand in `server/src/handlers`;
 * an operation without its method there does not compile.
 */
import type { Target } from "../../model.js";
import { emitErrors } from "./errors.js";
import { emitHandlers } from "./handlers.js";
import { emitRoutes } from "./routes.js";
import { emitTypes } from "./types.js";

const FOLDER = "server/src/generated/";

export const express: Target = {
  name: "express",
  doc: "Express route stubs, handler interfaces, wire types and error codes of the reference server",
  owned: [FOLDER],
  async emit(spec, context) {
    // Overloads are methods of the clients; their route is the one of the operation they stand in.
    const operations = spec.operations.filter((operation) => operation.overloadOf === undefined);
    const api = { ...spec, operations };
    return [
      { path: `${FOLDER}errors.ts`, text: emitErrors(api) },
      { path: `${FOLDER}handlers.ts`, text: emitHandlers(api) },
      { path: `${FOLDER}routes.ts`, text: emitRoutes(api) },
      { path: `${FOLDER}types.ts`, text: await emitTypes(api, context) },
    ];
  },
};
