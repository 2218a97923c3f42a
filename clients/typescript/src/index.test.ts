import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const textOf = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

it.each(["./generated/types.ts", "./generated/operations.ts"])("every type of %s is public", (module) => {
  const names = [...textOf(module).matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name]) => name);
  expect(names.length).toBeGreaterThan(3);
  const listed = new Set(textOf("./index.ts").match(/\w+/g));
  expect(names.filter((name) => !listed.has(name ?? ""))).toEqual([]);
});
