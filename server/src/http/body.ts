/**
 * Reads a request body as bytes: content type and encoding checked first, gzip undone, bounded in size and by the budget
 * of all bodies in flight. Nothing is parsed here.
 */

import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { AppError } from "../errors.js";
import type { BodyBudget } from "./body-budget.js";

export interface BodyLimits {
  /** Largest body after decompression, bytes. */
  readonly maxBytes: number;
  /** The same for a body that is parsed into values, which take many times its bytes. */
  readonly parsedMaxBytes: number;
  readonly budget: BodyBudget;
}

/** A body held against the budget. */
export interface HeldBody {
  readonly bytes: Uint8Array;
  /** Takes further bytes for a copy of it. @throws AppError `rate_limited` */
  reserve(bytes: number): void;
  /** Gives all bytes back to the budget; call once, when nobody reads them any more. */
  release(): void;
}

/** What a request without a body has. */
export const noBody: HeldBody = { bytes: new Uint8Array(0), reserve() {}, release() {} };

/**
 * @param parsed whether the body will be parsed into values
 * @throws AppError `unsupported_media_type`, `payload_too_large`, `rate_limited` (with `Retry-After`), or `invalid_json`
 *   for gzip that does not unpack. When it throws, nothing stays reserved.
 */
export async function readBody(
  request: IncomingMessage,
  limits: BodyLimits,
  parsed: boolean,
): Promise<HeldBody> {
  if (isEmpty(request)) return noBody;
  checkContentType(request.headers["content-type"]);
  const zipped = isZipped(request.headers["content-encoding"]);
  const announced = Number(request.headers["content-length"] ?? Number.NaN);
  const maxBytes = parsed ? Math.min(limits.parsedMaxBytes, limits.maxBytes) : limits.maxBytes;
  if (announced > maxBytes) throw tooLarge(maxBytes);
  const held = createHold(maxBytes, limits.budget);
  try {
    if (zipped) return await unzip(request, held);
    if (Number.isNaN(announced)) return await collect(request, held);
    held.take(announced);
    return atOnce(request, announced, held) ?? (await fill(request, announced, held));
  } catch (error) {
    held.release();
    throw error instanceof AppError ? error : unreadable(error);
  }
}

interface Hold extends Pick<HeldBody, "reserve" | "release"> {
  /** Reserves further bytes of the body. @throws AppError when the body or the budget is exceeded */
  take(bytes: number): void;
  /** Makes one copy of all that was taken, whose original then goes. @throws AppError when the budget is exceeded */
  copy(make: () => Buffer): Buffer;
}

function createHold(maxBytes: number, budget: BodyBudget): Hold {
  let taken = 0;
  function reserve(bytes: number): void {
    if (!budget.reserve(bytes, taken)) {
      throw new AppError("rate_limited", `request bodies in flight exceed ${budget.limitBytes} bytes`, {
        details: { retryAfterSeconds: 1 },
      });
    }
    taken += bytes;
  }
  return {
    take(bytes) {
      if (taken + bytes > maxBytes) throw tooLarge(maxBytes);
      reserve(bytes);
    },
    reserve,
    copy(make) {
      const original = taken;
      reserve(original);
      const made = make();
      budget.release(original);
      taken -= original;
      return made;
    },
    release() {
      budget.release(taken);
      taken = 0;
    },
  };
}

/**
 * The body, where all of it came with the headers, as nearly all queries do: it waits in the stream's buffer, and listening
 * for it would cost more than reading it. Undefined where there is more to come.
 */
function atOnce(request: IncomingMessage, length: number, held: Hold): HeldBody | undefined {
  if (!request.complete || request.readableLength !== length) return undefined;
  const bytes = request.read() as Buffer | null;
  return bytes?.length === length ? { bytes, reserve: held.reserve, release: held.release } : undefined;
}

/**
 * A body of known length goes straight to its place: no list of chunks, no copy at the end. Most are one chunk, which is the
 * body as it is.
 */
async function fill(source: Readable, length: number, held: Hold): Promise<HeldBody> {
  let target: Buffer | undefined;
  let offset = 0;
  await eachChunk(source, (chunk) => {
    if (target === undefined && chunk.length === length) target = chunk;
    else {
      target ??= Buffer.allocUnsafeSlow(length);
      chunk.copy(target, offset);
    }
    offset += chunk.length;
  });
  const bytes = target?.subarray(0, offset) ?? new Uint8Array(0);
  return { bytes, reserve: held.reserve, release: held.release };
}

async function collect(source: Readable, held: Hold): Promise<HeldBody> {
  const parts: Buffer[] = [];
  await eachChunk(source, (chunk) => {
    held.take(chunk.length);
    parts.push(chunk);
  });
  const [only] = parts;
  const bytes = parts.length === 1 && only ? only : held.copy(() => Buffer.concat(parts));
  return { bytes, reserve: held.reserve, release: held.release };
}

/**
 * Runs `take` on every chunk until the end. When `take` throws, the stream is paused and left whole: the error answer still
 * has to go out on the same socket, which a stream's own iterator would destroy. (It would also cost more than the rest.)
 */
function eachChunk(source: Readable, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        source.pause();
        finish(error);
      }
    };
    const onEnd = () => finish();
    const onClose = () => finish(new Error("connection closed"));
    const finish = (error?: unknown) => {
      source.off("data", onData).off("end", onEnd).off("error", finish).off("close", onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    source.on("data", onData).on("end", onEnd).on("error", finish).on("close", onClose);
  });
}

async function unzip(request: IncomingMessage, held: Hold): Promise<HeldBody> {
  const gunzip = createGunzip();
  const cutOff = () => gunzip.destroy(new Error("connection closed"));
  request.once("close", cutOff).once("error", cutOff);
  request.once("end", () => request.off("close", cutOff));
  try {
    return await collect(request.pipe(gunzip), held);
  } finally {
    request.unpipe(gunzip);
    gunzip.destroy();
  }
}

function isEmpty(request: IncomingMessage): boolean {
  return (
    request.headers["transfer-encoding"] === undefined && Number(request.headers["content-length"] ?? 0) === 0
  );
}

function checkContentType(contentType: string | undefined): void {
  if (contentType === undefined) return;
  const [type = "", ...parameters] = contentType.split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice("charset=".length);
  const isJson = type === "application/json" || /^application\/[a-z0-9.-]+\+json$/.test(type);
  const isUtf8 = charset === undefined || /^"?utf-?8"?$/.test(charset);
  if (isJson && isUtf8) return;
  throw new AppError(
    "unsupported_media_type",
    `content type '${contentType}' is not supported: send application/json in UTF-8`,
  );
}

function isZipped(contentEncoding: string | undefined): boolean {
  const encoding = contentEncoding?.trim().toLowerCase() ?? "";
  if (encoding === "" || encoding === "identity") return false;
  if (encoding === "gzip" || encoding === "x-gzip") return true;
  throw new AppError(
    "unsupported_media_type",
    `content encoding '${contentEncoding}' is not supported: send gzip or no encoding`,
  );
}

function tooLarge(maxBytes: number): AppError {
  return new AppError("payload_too_large", `request body is larger than ${maxBytes} bytes`);
}

function unreadable(cause: unknown): AppError {
  const isZlib = String((cause as NodeJS.ErrnoException).code).startsWith("Z_");
  const problem = isZlib ? "is not valid gzip" : "was cut off before its end";
  return new AppError("invalid_json", `the request body ${problem}`, { cause });
}
