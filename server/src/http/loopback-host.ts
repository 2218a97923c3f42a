/** A page of another site whose name was made to point here still sends its own name, which this tells from ours. */

import { isLoopback } from "../config.js";

/** Whether a `Host` header, with any port, names this machine: `localhost`, an address of 127.0.0.0/8, `[::1]`. */
export function isLoopbackHost(header: string | undefined): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(header ?? "") ?? [];
  return isLoopback((bracketed ?? plain ?? "").toLowerCase());
}
