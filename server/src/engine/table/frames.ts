/**
 * Arrays in a file, in frames that each carry a checksum: a reader takes them back in the order they were put and throws
 * as soon as a byte is not what it was. Numbers are in the byte order of this machine; one of the other kind finds no
 * frame whose head it can read.
 *
 * Frame: u32 bytes of the payload | u32 checksum of the payload | payload, padded to 4 bytes.
 */
import { readSync, writeSync } from "node:fs";

/** Longer arrays take several frames, so that writing one is a matter of milliseconds. */
const FRAME_BYTES = 4 * 1024 * 1024;
const HEAD_BYTES = 8;

/** A file of frames does not hold what was put in it. */
export class DamagedFrames extends Error {
  override readonly name = "DamagedFrames";
}

export class FrameWriter {
  /** `fd` is open for writing at its end. */
  constructor(private readonly fd: number) {}

  /** Appends an array, whose length the reader must know. Throws the system's error, such as that of a full disk. */
  put(array: ArrayBufferView): void {
    const bytes = bytesOf(array);
    for (let from = 0; from < bytes.length; from += FRAME_BYTES) {
      this.putFrame(bytes.subarray(from, from + FRAME_BYTES));
    }
  }

  private putFrame(payload: Uint8Array): void {
    const frame = new Uint32Array(2 + Math.ceil(payload.length / 4));
    new Uint8Array(frame.buffer, HEAD_BYTES).set(payload);
    frame[0] = payload.length;
    frame[1] = checksum(frame.subarray(2));
    const bytes = bytesOf(frame);
    for (let written = 0; written < bytes.length; ) written += writeSync(this.fd, bytes, written);
  }

  /** Appends a value as JSON text. */
  putJson(value: unknown): void {
    const text = Buffer.from(JSON.stringify(value));
    this.put(Uint32Array.of(text.length));
    this.put(text);
  }
}

export class FrameReader {
  /** `fd` is open for reading at its beginning. */
  constructor(private readonly fd: number) {}

  /** Fills an array with what was put as an array of the same length. Throws DamagedFrames. */
  fill<T extends ArrayBufferView>(array: T): T {
    const bytes = bytesOf(array);
    for (let from = 0; from < bytes.length; from += FRAME_BYTES) {
      this.fillFrame(bytes.subarray(from, from + FRAME_BYTES));
    }
    return array;
  }

  private fillFrame(payload: Uint8Array): void {
    const head = new Uint32Array(2);
    this.read(bytesOf(head));
    if (head[0] !== payload.length)
      throw new DamagedFrames(`a frame has ${head[0]} bytes instead of ${payload.length}`);
    const isWhole = payload.length % 4 === 0 && payload.byteOffset % 4 === 0;
    const words = isWhole
      ? new Uint32Array(payload.buffer, payload.byteOffset, payload.length / 4)
      : new Uint32Array(Math.ceil(payload.length / 4));
    this.read(bytesOf(words));
    if (checksum(words) !== head[1]) throw new DamagedFrames("the checksum of a frame is wrong");
    if (!isWhole) payload.set(new Uint8Array(words.buffer, 0, payload.length));
  }

  private read(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(this.fd, bytes, at, bytes.length - at, null);
      if (count === 0) throw new DamagedFrames("the file ends too early");
      at += count;
    }
  }

  /** The value of `putJson`. */
  json(): unknown {
    const [length = 0] = this.fill(new Uint32Array(1));
    if (length > FRAME_BYTES * 64) throw new DamagedFrames(`a text of ${length} bytes is too long to be one`);
    try {
      return JSON.parse(Buffer.from(this.fill(new Uint8Array(length))).toString());
    } catch (cause) {
      if (cause instanceof DamagedFrames) throw cause;
      throw new DamagedFrames("a text is no JSON", { cause });
    }
  }
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Four sums side by side: a gigabyte a second is what makes checking every byte affordable. */
function checksum(words: Uint32Array): number {
  const { length } = words;
  let a = 0x243f6a88;
  let b = 0x85a308d3;
  let c = 0x13198a2e;
  let d = 0x03707344;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    a = Math.imul(a ^ (words[i] as number), 0x9e3779b1);
    b = Math.imul(b ^ (words[i + 1] as number), 0x9e3779b1);
    c = Math.imul(c ^ (words[i + 2] as number), 0x9e3779b1);
    d = Math.imul(d ^ (words[i + 3] as number), 0x9e3779b1);
  }
  for (; i < length; i++) a = Math.imul(a ^ (words[i] as number), 0x85ebca77);
  const mixed = [b, c, d, length].reduce(
    (sum, lane) => Math.imul((sum ^ (sum >>> 15)) + lane, 0x2c1b3c6d),
    a,
  );
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
