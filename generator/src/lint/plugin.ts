/** The house rules as a Redocly plugin, so that one run and one report cover them and the standard rules. */
import type { Oas3Rule } from "@redocly/openapi-core/lib/visitors.js";
import { buildApi } from "../load.js";
import type { SpecSource } from "../spec-source.js";
import { HOUSE_RULES } from "./house-rules.js";

export const PLUGIN_ID = "hev";

/** @param source the document that is linted, read with places */
export function housePlugin(source: SpecSource) {
  const root = source.root;
  const api = buildApi(root);
  const rules = Object.fromEntries(
    Object.entries(HOUSE_RULES).map(([id, rule]): [string, Oas3Rule] => [
      id,
      () => ({
        Root(_document, { report, location }) {
          for (const { node, message } of rule(root, api)) {
            report({
              message,
              location: node.path.reduce<typeof location>((at, key) => at.child(key), location).key(),
            });
          }
        },
      }),
    ]),
  );
  return { id: PLUGIN_ID, rules: { oas3: rules } };
}

/** Configuration that turns every house rule on. */
export const HOUSE_RULES_ON: Readonly<Record<string, "error">> = Object.fromEntries(
  Object.keys(HOUSE_RULES).map((id) => [`${PLUGIN_ID}/${id}`, "error"]),
);
