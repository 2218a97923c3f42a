/** Writing answers: JSON (or the bare text of path errors), zipped when the caller accepts it and it is worth it. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { EngineError } from "../errors.js";
import { type Printable, printJson } from "../json.js";

const gzipAsync = promisify(gzip);

/** Below this many bytes zipping saves nothing. */
const GZIP_MIN_BYTES = 1_024;

export interface Answer {
  readonly status: number;
  /** The bytes, in pieces. */
  readonly body: readonly Buffer[];
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
}

export function jsonAnswer(status: number, value: Printable, headers: Record<string, string> = {}): Answer {
  return { status, body: printJson(value), contentType: "application/json", headers };
}

/** The wire's form of an error. */
export function errorAnswer(error: EngineError): Answer {
  if (error.plainText) {
    return {
      status: error.status,
      body: [Buffer.from(error.message)],
      contentType: "text/plain; charset=utf-8",
      headers: error.headers,
    };
  }
  return jsonAnswer(error.status, { status: "error", error: error.message, ...error.extra }, error.headers);
}

export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): Promise<void> {
  const headers: Record<string, string | number> = { "content-type": answer.contentType, ...answer.headers };
  let { body } = answer;
  if (sizeOf(answer) > GZIP_MIN_BYTES && acceptsGzip(request.headers["accept-encoding"])) {
    body = [await gzipAsync(Buffer.concat(body), { level: 1 })];
    headers["content-encoding"] = "gzip";
  }
  headers["content-length"] = body.reduce((sum, { length }) => sum + length, 0);
  response.writeHead(answer.status, headers);
  for (const piece of body.slice(0, -1)) response.write(piece);
  response.end(body.at(-1));
}

/** Bytes of the body before zipping. */
export function sizeOf({ body }: Answer): number {
  return body.reduce((sum, { length }) => sum + length, 0);
}

/** Whether an Accept-Encoding header takes gzip: named, and not with a quality of zero. */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? "")
    .split(",")
    .map((part) =>
      part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/),
    )
    .some(([name, ...parameters]) => name === "gzip" && !parameters.some((p) => /^q=0(\.0*)?$/.test(p)));
}
