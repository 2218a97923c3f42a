/**
 * Bearer token to principal. The only place that reads a credential; it is compared in constant time and never logged.
 */

import { timingSafeEqual } from "node:crypto";
import { AppError } from "../errors.js";
import type { Principal } from "../principal.js";
import { isLoopbackHost } from "./loopback-host.js";

/** The headers that tell who calls, and by which name. */
export interface Credentials {
  readonly authorization?: string | undefined;
  readonly host?: string | undefined;
}

/**
 * The principal that the headers of a request stand for.
 * @throws AppError `unauthorized` with reason `missing_bearer`, `malformed_bearer` or `unknown_key`; `forbidden` for a key
 *   that does not open to a request addressed by this name
 */
export type Authenticate = (headers: Credentials) => Principal | Promise<Principal>;

/** Whoever presents no key, on the routes that need none. */
export const anonymous: Principal = Object.freeze({
  name: "anonymous",
  scopes: new Set<never>(),
  grants: [],
});

export interface StoreKeyOptions {
  /**
   * The key is the well-known one. It is for whoever sits at this machine, so it is refused under any name but a loopback
   * one: a page of another site, whose name was made to point here, could use it else.
   */
  readonly isWellKnown?: boolean;
}

/** Accepts the store's own key, with all scopes over all namespaces. */
export function createStoreKeyAuthenticator(
  storeKey: string,
  { isWellKnown = false }: StoreKeyOptions = {},
): Authenticate {
  const isStoreKey = createSecretComparison(storeKey);
  const principal: Principal = Object.freeze({
    name: "store-key",
    scopes: new Set(["read", "write", "admin"] as const),
    grants: ["*"],
  });
  return ({ authorization, host }) => {
    if (!isStoreKey(bearerToken(authorization))) {
      throw new AppError("unauthorized", "the bearer token matches no key", {
        details: { reason: "unknown_key" },
      });
    }
    if (isWellKnown && !isLoopbackHost(host)) {
      throw new AppError(
        "forbidden",
        `the well-known key is refused for Host '${(host ?? "").slice(0, 200)}': address the gateway as localhost, 127.0.0.1 or [::1], or set TURBOPUFFER_API_KEY to a key of your own`,
      );
    }
    return principal;
  };
}

/**
 * Compares texts with a secret in a time that depends on neither. Both are laid into buffers of one size together with
 * their length; a longer text is cut, and its length gives it away to the comparison alone.
 */
function createSecretComparison(secret: string): (text: string) => boolean {
  const size = Math.max(256, Buffer.byteLength(secret)) + 4;
  const expected = Buffer.alloc(size);
  const presented = Buffer.alloc(size);
  lay(secret, expected);
  return (text) => {
    lay(text, presented);
    return timingSafeEqual(presented, expected);
  };
}

function lay(text: string, target: Buffer): void {
  target.fill(0);
  target.writeUInt32LE(Buffer.byteLength(text), 0);
  target.write(text, 4);
}

function bearerToken(authorization: string | undefined): string {
  if (!authorization) {
    throw new AppError("unauthorized", "this route needs a bearer token: send Authorization: Bearer <key>", {
      details: { reason: "missing_bearer" },
    });
  }
  const token = /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1];
  if (token === undefined) {
    throw new AppError(
      "unauthorized",
      "the authorization header is malformed: send Authorization: Bearer <key>",
      {
        details: { reason: "malformed_bearer" },
      },
    );
  }
  return token;
}
