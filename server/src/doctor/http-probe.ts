/** One small request, to see who answers. Over the same client as the gateway's own, which unlike `fetch` takes any port. */

import { request } from "undici";
import { messageOf } from "./finding.js";

const TIMEOUT_MS = 10_000;
/** Bytes of an answer that are looked at. */
const BODY_BYTES_MAX = 1024 * 1024;

export interface HttpAnswer {
  readonly status: number;
  /** The `Date` header. */
  readonly date: string | undefined;
  /** The `Server` header. */
  readonly server: string | undefined;
  /** As far as it is looked at. */
  readonly body: string;
}

/** @returns the answer, or in a word why there is none */
export async function probeHttp(
  url: string,
  options: { method: "GET" | "HEAD"; headers?: Record<string, string> },
): Promise<HttpAnswer | string> {
  try {
    const { statusCode, headers, body } = await request(url, {
      ...options,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of body as AsyncIterable<Buffer>) {
      parts.push(part);
      bytes += part.length;
      if (bytes >= BODY_BYTES_MAX) break;
    }
    const text = (value: string | string[] | undefined) => (typeof value === "string" ? value : undefined);
    return {
      status: statusCode,
      date: text(headers.date),
      server: text(headers.server),
      body: Buffer.concat(parts).toString("utf8"),
    };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return typeof code === "string" ? code : messageOf(error);
  }
}
