/**
 * Following redirects by hand, so that every client follows the same ones and none takes a secret abroad.
 *
 * GET alone: a redirected write would arrive as a GET without its body, and the page that answers pass for a success. At
 * most ten, to http or https, without credentials in the address, and never from https to http. Whatever is not followed
 * is the answer.
 */
import type { Fetch } from "./config.js";

const REDIRECTS_MAX = 10;

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What another origin is told; every other header may hold credentials that are meant for the first. */
const HARMLESS_HEADERS = ["accept", "user-agent"] as const;

/**
 * Sends a request made with `redirect: "manual"` and those it is redirected to.
 * @param onAnswer called with each answer on the way, the last one included
 */
export async function fetchFollowing(
  fetch: Fetch,
  request: Request,
  onAnswer: () => void,
): Promise<Response> {
  const ask = async (next: Request): Promise<Response> => {
    const response = await fetch(next);
    onAnswer();
    return response;
  };
  let response = await ask(request);
  if (request.method !== "GET") return response;
  // Browsers do not tell where a redirect leads; they follow it themselves, and drop the key at another origin.
  if (response.type === "opaqueredirect" && response.status === 0)
    return ask(new Request(request, { redirect: "follow" }));
  let current = request;
  for (let redirects = 0; redirects < REDIRECTS_MAX; redirects++) {
    const next = redirected(current, response);
    if (!next) break;
    // Not waited for: a body without an end would hold the call.
    response.body?.cancel().catch(() => {});
    current = next;
    response = await ask(next);
  }
  return response;
}

/** The request that an answer sends on to, or undefined when the answer stands. */
function redirected(request: Request, response: Response): Request | undefined {
  const location = response.headers.get("location");
  if (!REDIRECT_STATUSES.has(response.status) || location === null) return undefined;
  const from = new URL(request.url);
  let to: URL;
  try {
    to = new URL(location, from);
  } catch {
    return undefined;
  }
  if (to.protocol !== "https:" && !(to.protocol === "http:" && from.protocol === "http:")) return undefined;
  if (to.username !== "" || to.password !== "") return undefined;
  const headers = to.origin === from.origin ? request.headers : harmless(request.headers);
  return new Request(to, { headers, signal: request.signal, redirect: "manual" });
}

function harmless(headers: Headers): Headers {
  const kept = new Headers();
  for (const name of HARMLESS_HEADERS) {
    const value = headers.get(name);
    if (value !== null) kept.set(name, value);
  }
  return kept;
}
