/**
 * The key that everyone knows is for whoever sits at this machine. A page of another site, whose name was made to point
 * here, sends its own name as `Host`; so the key opens nothing to a request addressed by any name but this machine's.
 */
import { isIPv4 } from "node:net";
import { EngineError } from "../errors.js";

/** The key of a server that was given none. */
const WELL_KNOWN_KEY = "tpuf_local";

/** Throws 403 for a request that brings the well-known key under a foreign name. */
export function checkHost(apiKey: string, host: string | undefined): void {
  if (apiKey !== WELL_KNOWN_KEY || isLoopbackHost(host)) return;
  throw new EngineError(
    403,
    `the well-known key ${WELL_KNOWN_KEY} is refused for Host '${(host ?? "").slice(0, 200)}': address the engine as localhost, 127.0.0.1 or [::1], or set a key of your own`,
  );
}

/** Whether a Host header, with any port, names this machine: `localhost`, an address of 127.0.0.0/8, or `[::1]`. */
function isLoopbackHost(host: string | undefined): boolean {
  const name = (host ?? "").replace(/:\d{1,5}$/, "").toLowerCase();
  return name === "localhost" || name === "[::1]" || (isIPv4(name) && name.startsWith("127."));
}
