import { expect, it } from "vitest";
import { EMPTY_SCHEMA, updateSchema } from "../schema/schema.js";
import { StepBudget } from "../step-budget.js";
import { Table } from "../table/table.js";
import { bindQuery, runQuery } from "./query.js";

it("refuses an answer over the byte budget instead of building it", () => {
  const schema = updateSchema(EMPTY_SCHEMA, { id: "uint", s: { type: "string", filterable: false } }, false);
  const table = new Table();
  table.adopt(schema);
  for (let id = 0; id < 10; id++) table.put(id, new Map([["s", "x".repeat(1_000)]]));
  const query = bindQuery({ limit: 10, include_attributes: true }, schema, new StepBudget());
  expect(() => runQuery(query, table, 5_000)).toThrow("query result is too large");
  expect(runQuery(query, table, 20_000).returnedBytes).toBe(10 * 1_008);
});
