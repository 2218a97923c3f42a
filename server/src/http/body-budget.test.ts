import { expect, it } from "vitest";
import { createBodyBudget } from "./body-budget.js";

it("takes what fits, and gives it back", () => {
  const budget = createBodyBudget(10);
  expect([budget.reserve(6, 0), budget.reserve(4, 0), budget.reserve(1, 0)]).toEqual([true, true, false]);
  budget.release(6);
  expect([budget.inFlightBytes, budget.reserve(6, 0)]).toEqual([4, true]);
});

it("lets one request exceed it that has the memory to itself, and no other beside it", () => {
  const budget = createBodyBudget(10);
  expect(budget.reserve(8, 0)).toBe(true);
  expect(budget.reserve(8, 8)).toBe(true);
  expect(budget.reserve(1, 0)).toBe(false);
  budget.release(16);
  expect(budget.inFlightBytes).toBe(0);
});
