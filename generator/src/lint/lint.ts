/** Lints the spec: Redocly's rules as `redocly.yaml` sets them, and the house rules, reported alike. */
import { readFile } from "node:fs/promises";
import { createConfig, getLineColLocation, lint, type RawUniversalConfig } from "@redocly/openapi-core";
import { parse } from "yaml";
import { readSpec } from "../load.js";
import { HOUSE_RULES_ON, housePlugin } from "./plugin.js";

/**
 * Every problem as `file:line: message (rule)`, in the order of the file.
 *
 * @param specPath absolute path of the spec
 * @param configPath absolute path of redocly.yaml
 * @throws SpecError when the spec cannot be read into the model at all
 */
export async function lintSpec(specPath: string, configPath: string): Promise<string[]> {
  const source = await readSpec(specPath);
  const standard = parse(await readFile(configPath, "utf8")) as RawUniversalConfig & { rules?: object };
  const config = await createConfig({
    ...standard,
    plugins: [housePlugin(source)],
    rules: { ...standard.rules, ...HOUSE_RULES_ON },
  } as RawUniversalConfig);
  const problems = await lint({ ref: specPath, config });
  return problems
    .map((problem) => {
      const [location] = problem.location;
      const line = location ? getLineColLocation(location).start.line : 1;
      return { line, text: `${source.file}:${line}: ${problem.message.trim()} (${problem.ruleId})` };
    })
    .sort((a, b) => a.line - b.line)
    .map(({ text }) => text);
}
