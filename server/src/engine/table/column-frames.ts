/**
 * Values of one attribute as frames: how many elements each slot has, and then all elements one after another, as texts
 * or as numbers. A sparse vector is both: its dimensions and its weights.
 */
import { type AttributeType, isTextual } from "../schema/attribute-type.js";
import type { Scalar, SparseVector, Value } from "../values.js";
import type { FrameReader, FrameWriter } from "./frames.js";
import { putNumbers, putRepeatedTexts, takeNumbers, takeRepeatedTexts } from "./value-frames.js";

/** What stands for the number of elements where there is no value. */
const ABSENT = 0xffffffff;

/** Puts values of any type but dense vectors, whose type and number the reader must know. */
export function putValues(
  out: FrameWriter,
  values: readonly (Value | undefined)[],
  type: AttributeType,
): void {
  const lengths = new Uint32Array(values.length);
  const elements: Scalar[] = [];
  const weights: number[] = [];
  values.forEach((value, i) => {
    const before = elements.length;
    if (Array.isArray(value)) for (const element of value) elements.push(element);
    else if (value instanceof Map) {
      for (const [dimension, weight] of value as SparseVector) {
        elements.push(dimension);
        weights.push(weight);
      }
    } else if (value !== undefined) elements.push(value as Scalar);
    lengths[i] = value === undefined ? ABSENT : elements.length - before;
  });
  out.put(lengths);
  if (type.kind === "sparse" || isTextual(type)) putRepeatedTexts(out, elements as string[]);
  else putNumbers(out, elements.map(numberOf));
  if (type.kind === "sparse") putNumbers(out, weights);
}

function numberOf(scalar: Scalar): number | bigint {
  return typeof scalar === "bigint" ? scalar : Number(scalar);
}

/** The values of `putValues`. Throws DamagedFrames. */
export function takeValues(source: FrameReader, count: number, type: AttributeType): (Value | undefined)[] {
  const lengths = source.fill(new Uint32Array(count));
  let total = 0;
  for (const length of lengths) if (length !== ABSENT) total += length;
  const elements = takeElements(source, total, type);
  const weights = type.kind === "sparse" ? (takeNumbers(source, total) as number[]) : [];
  let at = 0;
  return Array.from(lengths, (length) => {
    if (length === ABSENT) return undefined;
    const start = at;
    at += length;
    if (type.kind === "scalar") return elements[start];
    const own = elements.slice(start, at);
    return type.kind === "sparse"
      ? new Map(own.map((name, i) => [name as string, weights[start + i] as number]))
      : own;
  });
}

function takeElements(source: FrameReader, total: number, type: AttributeType): Scalar[] {
  if (type.kind === "sparse" || isTextual(type)) return takeRepeatedTexts(source, total);
  const numbers = takeNumbers(source, total);
  const isFlag = (type.kind === "scalar" || type.kind === "array") && type.of === "bool";
  return isFlag ? numbers.map((number) => number !== 0) : numbers;
}
