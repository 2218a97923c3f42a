/** Gzips request bodies where the client was asked to and it pays. */
import type { WireRequest } from "./transport.js";

/** Below this a gzipped body is hardly smaller, and the server's work is wasted. */
const COMPRESS_FROM_BYTES = 1024;

/** The request with a gzipped body; the request itself when its body is small or absent. */
export async function compressed(request: WireRequest): Promise<WireRequest> {
  const { body } = request;
  if (!body || body.byteLength < COMPRESS_FROM_BYTES) return request;
  const stream = new Response(body as Uint8Array<ArrayBuffer>).body?.pipeThrough(
    new CompressionStream("gzip"),
  );
  if (!stream) return request;
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return { ...request, headers: { ...request.headers, "content-encoding": "gzip" }, body: bytes };
}
