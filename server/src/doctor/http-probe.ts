/** One small request, to see who answers. Over the same client as the gateway's own, which unlike `fetch` takes any port. */

import { request } from "undici";
import { messageOf } from "./finding.js";

const TIMEOUT_MS = 10_000;

export interface HttpAnswer {
  readonly status: number;
  /** The `Date` header. */
  readonly date: string | undefined;
  /** The `Server` header. */
  readonly server: string | undefined;
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
    await body.dump();
    const text = (value: string | string[] | undefined) => (typeof value === "string" ? value : undefined);
    return { status: statusCode, date: text(headers.date), server: text(headers.server) };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return typeof code === "string" ? code : messageOf(error);
  }
}
