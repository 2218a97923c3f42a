/**
 * Request bodies: read whole, unzipped, judged and parsed, within limits per body and over all bodies that are in memory
 * at once.
 */
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { badRequest, EngineError } from "../errors.js";
import { type Json, parseSentJson } from "../json.js";
import { LIMITS } from "../limits.js";
import { ByteBudget } from "./byte-budget.js";
import { weighJson } from "./json-weight.js";

const gunzipAsync = promisify(gunzip);

export interface BodyLimits {
  /** Bytes of the body of a write, before and after decompression. */
  writeBytes: number;
  /** The same for the bodies of all other requests. */
  otherBytes: number;
  /** Bytes of all bodies being received. */
  receivedBytes: number;
  /** Memory that all parsed bodies may take, by estimate, and so the most that one may. */
  parsedBytes: number;
}

/** The limits, and what is left of those over all bodies. */
export class Bodies {
  readonly received: ByteBudget;
  readonly parsed: ByteBudget;

  constructor(readonly limits: BodyLimits) {
    this.received = new ByteBudget(limits.receivedBytes, "too many request bytes in flight");
    this.parsed = new ByteBudget(limits.parsedBytes, "too many requests in flight for the memory there is");
  }
}

/**
 * Reads and parses a request's body, then runs `use` while its memory counts. A missing body is `{}`. Throws 400 on
 * malformed JSON or gzip, 413 over a limit of one body, 415 on another encoding, 429 over one of all bodies.
 */
export async function withBody<T>(
  request: IncomingMessage,
  bodies: Bodies,
  maxBytes: number,
  use: (body: Json) => Promise<T>,
): Promise<T> {
  const { body, bytes } = await read(request, bodies, maxBytes);
  try {
    return await use(body);
  } finally {
    bodies.parsed.give(bytes);
  }
}

interface ParsedBody {
  readonly body: Json;
  /** Taken from the budget of parsed bodies. */
  readonly bytes: number;
}

async function read(request: IncomingMessage, bodies: Bodies, maxBytes: number): Promise<ParsedBody> {
  let held = 0;
  const hold = (bytes: number): void => {
    bodies.received.take(bytes);
    held += bytes;
  };
  try {
    const raw = await receive(request, maxBytes, hold);
    const plain = await decode(raw, request.headers["content-encoding"], maxBytes);
    if (plain !== raw) hold(plain.length);
    return parse(plain, bodies);
  } finally {
    bodies.received.give(held);
  }
}

async function receive(
  request: IncomingMessage,
  max: number,
  hold: (bytes: number) => void,
): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > max) throw tooLarge(`limit is ${max} bytes`);
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > max) throw tooLarge(`limit is ${max} bytes`);
    hold(chunk.length);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, total);
}

function tooLarge(rule: string): EngineError {
  return new EngineError(413, `request body is too large, ${rule}`);
}

async function decode(raw: Buffer, encoding: string | undefined, max: number): Promise<Buffer> {
  // The names of codings know no case, and the older name of this one means the same.
  const coding = encoding?.toLowerCase();
  if (coding === undefined || coding === "identity") return raw;
  if (coding !== "gzip" && coding !== "x-gzip")
    throw new EngineError(415, `unsupported content encoding '${encoding}', expected gzip`);
  try {
    return await gunzipAsync(raw, { maxOutputLength: max });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE")
      throw tooLarge(`limit is ${max} bytes`);
    throw badRequest(`Failed to decompress the request body: ${(cause as Error).message}`);
  }
}

function parse(text: Buffer, bodies: Bodies): ParsedBody {
  if (text.length === 0) return { body: {}, bytes: 0 };
  const { containers, depth, bytes } = weighJson(text);
  if (containers > LIMITS.bodyContainers) {
    throw tooLarge(
      `limit is ${LIMITS.bodyContainers} objects and lists, got ${containers}; send fewer rows at once`,
    );
  }
  if (depth > LIMITS.bodyDepth) {
    throw badRequest(`request body is nested too deeply: ${depth} levels, limit is ${LIMITS.bodyDepth}`);
  }
  if (bytes > bodies.limits.parsedBytes) {
    throw tooLarge(
      `it would take about ${bytes} bytes of memory, limit is ${bodies.limits.parsedBytes}; send less at once or give the engine a larger heap (LAYER_ENGINE_HEAP_MIB)`,
    );
  }
  bodies.parsed.take(bytes);
  try {
    return { body: parseSentJson(new TextDecoder("utf-8", { fatal: true }).decode(text)), bytes };
  } catch (cause) {
    bodies.parsed.give(bytes);
    throw badRequest(`Failed to parse the request body as JSON: ${(cause as Error).message}`);
  }
}
