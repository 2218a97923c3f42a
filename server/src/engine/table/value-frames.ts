/**
 * Lists of texts and numbers as frames. Texts go out as the UTF-16 units they are, or one byte each where that is enough:
 * exact for every text there can be, and the fastest way in. Integers that a double cannot hold follow as text.
 */
import { DamagedFrames, type FrameReader, type FrameWriter } from "./frames.js";

/** Chosen: texts are joined to write them, and no more than these at once. */
const GROUP_TEXTS = 16_384;
const GROUP_UNITS = 1024 * 1024;

/** Puts texts, whose number the reader must know. */
export function putTexts(out: FrameWriter, texts: readonly string[]): void {
  let from = 0;
  while (from < texts.length) {
    let to = from;
    let units = 0;
    while (to < texts.length && to - from < GROUP_TEXTS && units < GROUP_UNITS) {
      units += (texts[to] as string).length;
      to++;
    }
    putGroup(out, texts.slice(from, to));
    from = to;
  }
}

const BEYOND_ONE_BYTE = /[^\0-\xff]/;

function putGroup(out: FrameWriter, texts: readonly string[]): void {
  const joined = texts.join("");
  const encoding = BEYOND_ONE_BYTE.test(joined) ? "utf16le" : "latin1";
  out.put(Uint32Array.of(texts.length, encoding === "latin1" ? 1 : 2));
  out.put(Uint32Array.from(texts, ({ length }) => length));
  out.put(Buffer.from(joined, encoding));
}

/** The texts of `putTexts`. Throws DamagedFrames. */
export function takeTexts(source: FrameReader, count: number): string[] {
  const texts: string[] = [];
  while (texts.length < count) {
    const [length = 0, unitBytes = 0] = source.fill(new Uint32Array(2));
    if (length === 0 || length > count - texts.length)
      throw new DamagedFrames(`${length} texts where none fit`);
    const lengths = source.fill(new Uint32Array(length));
    const bytes = Buffer.from(source.fill(new Uint8Array(sumOf(lengths) * unitBytes)).buffer);
    let at = 0;
    for (const units of lengths) {
      const end = at + units * unitBytes;
      texts.push(bytes.toString(unitBytes === 1 ? "latin1" : "utf16le", at, end));
      at = end;
    }
  }
  return texts;
}

/** Puts texts of which many are alike. */
export function putRepeatedTexts(out: FrameWriter, texts: readonly string[]): void {
  const codeOf = new Map<string, number>();
  const codes = new Uint32Array(texts.length);
  for (let i = 0; i < texts.length; i++) {
    const text = texts[i] as string;
    let code = codeOf.get(text);
    if (code === undefined) {
      code = codeOf.size;
      codeOf.set(text, code);
    }
    codes[i] = code;
  }
  out.put(Uint32Array.of(codeOf.size));
  putTexts(out, [...codeOf.keys()]);
  out.put(codes);
}

export function takeRepeatedTexts(source: FrameReader, count: number): string[] {
  const [distinct = 0] = source.fill(new Uint32Array(1));
  const texts = takeTexts(source, distinct);
  return Array.from(source.fill(new Uint32Array(count)), (code) => {
    const text = texts[code];
    if (text === undefined) throw new DamagedFrames(`text ${code} of ${distinct} is not there`);
    return text;
  });
}

/** Puts numbers; NaN stands for whatever the caller likes. */
export function putNumbers(out: FrameWriter, numbers: readonly (number | bigint)[]): void {
  out.put(Float64Array.from(numbers, Number));
  putWide(
    out,
    [...numbers.entries()].filter((entry): entry is [number, bigint] => typeof entry[1] === "bigint"),
  );
}

export function takeNumbers(source: FrameReader, count: number): (number | bigint)[] {
  const numbers: (number | bigint)[] = Array.from(source.fill(new Float64Array(count)));
  for (const [index, wide] of takeWide(source)) numbers[index] = wide;
  return numbers;
}

/** Puts integers by index. */
export function putWide(out: FrameWriter, entries: readonly (readonly [number, bigint])[]): void {
  out.put(Uint32Array.of(entries.length));
  out.put(Uint32Array.from(entries, ([index]) => index));
  putTexts(
    out,
    entries.map(([, wide]) => String(wide)),
  );
}

export function takeWide(source: FrameReader): [number, bigint][] {
  const [count = 0] = source.fill(new Uint32Array(1));
  const indices = source.fill(new Uint32Array(count));
  return takeTexts(source, count).map((text, i) => [indices[i] as number, BigInt(text)]);
}

function sumOf(lengths: Uint32Array): number {
  let sum = 0;
  for (const length of lengths) sum += length;
  return sum;
}
