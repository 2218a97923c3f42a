/**
 * Request bodies: read whole, unzipped, decoded and parsed, within a limit per body and a budget over all bodies that
 * are in memory at once.
 */
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { badRequest, EngineError } from "../errors.js";
import { type Json, parseJson } from "../json.js";

const gunzipAsync = promisify(gunzip);

export interface BodyLimits {
  /** Bytes of one body, before and after decompression. */
  bodyBytes: number;
  /** Bytes of all bodies being received or worked on. */
  totalBytes: number;
}

/** Hands out the byte budget; a body that does not fit is refused with 429 rather than queued. */
export class BodyBudget {
  private used = 0;

  constructor(readonly limits: BodyLimits) {}

  take(bytes: number): void {
    if (this.used + bytes > this.limits.totalBytes) {
      throw new EngineError(429, "too many request bytes in flight", { headers: { "retry-after": "1" } });
    }
    this.used += bytes;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }
}

/**
 * Reads and parses a request's body, then runs `use` while its bytes count against the budget. A missing body is `{}`.
 * Throws 400 on malformed JSON or gzip, 413 over the limit, 415 on another encoding, 429 over the budget.
 */
export async function withBody<T>(
  request: IncomingMessage,
  budget: BodyBudget,
  use: (body: Json) => T,
): Promise<T> {
  let held = 0;
  const hold = (bytes: number): void => {
    budget.take(bytes);
    held += bytes;
  };
  try {
    const raw = await receive(request, budget.limits.bodyBytes, hold);
    const plain = await decode(raw, request.headers["content-encoding"], budget.limits.bodyBytes);
    if (plain !== raw) hold(plain.length);
    return use(parse(plain));
  } finally {
    budget.give(held);
  }
}

async function receive(
  request: IncomingMessage,
  max: number,
  hold: (bytes: number) => void,
): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > max) throw tooLarge(max);
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > max) throw tooLarge(max);
    hold(chunk.length);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, total);
}

function tooLarge(max: number): EngineError {
  return new EngineError(413, `request body is too large, limit is ${max} bytes`);
}

async function decode(raw: Buffer, encoding: string | undefined, max: number): Promise<Buffer> {
  if (encoding === undefined || encoding === "identity") return raw;
  if (encoding !== "gzip")
    throw new EngineError(415, `unsupported content encoding '${encoding}', expected gzip`);
  try {
    return await gunzipAsync(raw, { maxOutputLength: max });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(max);
    throw badRequest(`Failed to decompress the request body: ${(cause as Error).message}`);
  }
}

function parse(bytes: Buffer): Json {
  if (bytes.length === 0) return {};
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw badRequest(`Failed to parse the request body as JSON: ${(cause as Error).message}`);
  }
}
