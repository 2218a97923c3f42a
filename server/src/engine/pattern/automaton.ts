/**
 * Patterns as nondeterministic automata (Thompson), run over all states at once. Time is at most text × states whatever
 * the pattern, which no backtracking engine can promise; captures, the price for it, are not needed for filters.
 */
import type { StepBudget } from "../step-budget.js";

/** Judges one code point. */
export type CharTest = (codePoint: number) => boolean;

export type Assertion = "text-start" | "text-end" | "line-start" | "line-end" | "word-edge" | "no-word-edge";

export type Node =
  | { readonly kind: "empty" }
  | { readonly kind: "char"; readonly test: CharTest }
  | { readonly kind: "assert"; readonly what: Assertion }
  | { readonly kind: "sequence" | "choice"; readonly parts: readonly Node[] }
  | { readonly kind: "repeat"; readonly part: Node; readonly min: number; readonly max: number };

/** Thrown when a pattern would need too many states. */
export class PatternTooCostly extends Error {
  override readonly name = "PatternTooCostly";
}

const STATES_MAX = 5_000;

type Instruction =
  | { readonly op: "char"; readonly test: CharTest }
  | { readonly op: "assert"; readonly what: Assertion }
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "jump"; to: number }
  | { readonly op: "match" };

export interface Automaton {
  /** Whether the pattern matches somewhere in the text, or all of it when `whole` was asked for. */
  matches(text: string, budget: StepBudget): boolean;
}

/** Builds an automaton; `whole` anchors it at both ends. Throws PatternTooCostly when the pattern is too large. */
export function compile(node: Node, whole: boolean): Automaton {
  const program: Instruction[] = [];
  emit(node, program);
  push(program, { op: "match" });
  return { matches: (text, budget) => run(program, whole, text, budget) };
}

function push(program: Instruction[], instruction: Instruction): number {
  if (program.length >= STATES_MAX) throw new PatternTooCostly("pattern is too large");
  return program.push(instruction) - 1;
}

function emit(node: Node, program: Instruction[]): void {
  switch (node.kind) {
    case "empty":
      return;
    case "char":
      push(program, { op: "char", test: node.test });
      return;
    case "assert":
      push(program, { op: "assert", what: node.what });
      return;
    case "sequence":
      for (const part of node.parts) emit(part, program);
      return;
    case "choice":
      emitChoice(node.parts, program);
      return;
    case "repeat":
      emitRepeat(node.part, node.min, node.max, program);
  }
}

function emitChoice(parts: readonly Node[], program: Instruction[]): void {
  const jumps: { op: "jump"; to: number }[] = [];
  parts.forEach((part, i) => {
    if (i === parts.length - 1) {
      emit(part, program);
      return;
    }
    const split = { op: "split" as const, first: program.length + 1, second: 0 };
    push(program, split);
    emit(part, program);
    const jump = { op: "jump" as const, to: 0 };
    push(program, jump);
    jumps.push(jump);
    split.second = program.length;
  });
  for (const jump of jumps) jump.to = program.length;
}

function emitRepeat(part: Node, min: number, max: number, program: Instruction[]): void {
  for (let i = 0; i < min; i++) {
    const before = program.length;
    emit(part, program);
    // Nothing repeated is still nothing; nested repetitions of it must not cost their product.
    if (program.length === before) return;
  }
  if (max === Number.POSITIVE_INFINITY) {
    const split = { op: "split" as const, first: program.length + 1, second: 0 };
    const loop = push(program, split);
    emit(part, program);
    push(program, { op: "jump", to: loop });
    split.second = program.length;
    return;
  }
  const splits: { op: "split"; first: number; second: number }[] = [];
  for (let i = min; i < max; i++) {
    const split = { op: "split" as const, first: program.length + 1, second: 0 };
    push(program, split);
    splits.push(split);
    emit(part, program);
  }
  for (const split of splits) split.second = program.length;
}

function run(program: readonly Instruction[], whole: boolean, text: string, budget: StepBudget): boolean {
  const points = Array.from(text, (char) => char.codePointAt(0) as number);
  let current = new StateSet(program.length);
  let next = new StateSet(program.length);
  for (let at = 0; at <= points.length; at++) {
    if (!whole || at === 0) follow(program, 0, points, at, current);
    if (current.matched && (!whole || at === points.length)) return true;
    if (current.size === 0 && whole) return false;
    budget.spend(2 * (current.size + 1));
    const point = points[at];
    if (point === undefined) return false;
    for (let i = 0; i < current.size; i++) {
      const state = current.states[i] as number;
      const instruction = program[state] as Instruction;
      if (instruction.op === "char" && instruction.test(point))
        follow(program, state + 1, points, at + 1, next);
    }
    [current, next] = [next, current];
    next.clear();
  }
  return false;
}

/** Adds a state and everything reachable from it without reading a character. */
function follow(
  program: readonly Instruction[],
  start: number,
  points: readonly number[],
  at: number,
  set: StateSet,
): void {
  const pending = [start];
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    if (!set.visit(state)) continue;
    const instruction = program[state] as Instruction;
    switch (instruction.op) {
      case "match":
        set.matched = true;
        break;
      case "char":
        set.add(state);
        break;
      case "jump":
        pending.push(instruction.to);
        break;
      case "split":
        pending.push(instruction.second, instruction.first);
        break;
      case "assert":
        if (holds(instruction.what, points, at)) pending.push(state + 1);
    }
  }
}

class StateSet {
  /** States that wait for a character. */
  readonly states: Int32Array;
  size = 0;
  matched = false;
  private readonly seen: Uint32Array;
  private round = 1;

  constructor(states: number) {
    this.states = new Int32Array(states);
    this.seen = new Uint32Array(states);
  }

  visit(state: number): boolean {
    if (this.seen[state] === this.round) return false;
    this.seen[state] = this.round;
    return true;
  }

  add(state: number): void {
    this.states[this.size++] = state;
  }

  clear(): void {
    this.size = 0;
    this.matched = false;
    this.round++;
  }
}

function holds(what: Assertion, points: readonly number[], at: number): boolean {
  switch (what) {
    case "text-start":
      return at === 0;
    case "text-end":
      return at === points.length;
    case "line-start":
      return at === 0 || points[at - 1] === 10;
    case "line-end":
      return at === points.length || points[at] === 10;
    case "word-edge":
      return isWord(points[at - 1]) !== isWord(points[at]);
    case "no-word-edge":
      return isWord(points[at - 1]) === isWord(points[at]);
  }
}

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]/u;

/** A word character in the Unicode sense; `undefined` is the text's edge. */
export function isWord(point: number | undefined): boolean {
  return point !== undefined && WORD.test(String.fromCodePoint(point));
}
