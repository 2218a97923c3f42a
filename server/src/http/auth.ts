/**
 * Bearer token to principal. The only place that reads a credential; it is compared in constant time and never logged.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { AppError } from "../errors.js";
import type { Principal } from "../principal.js";

/**
 * The principal that an `Authorization` header stands for.
 * @throws AppError `unauthorized` with reason `missing_bearer`, `malformed_bearer` or `unknown_key`
 */
export type Authenticate = (authorization: string | undefined) => Principal | Promise<Principal>;

/** Whoever presents no key, on the routes that need none. */
export const anonymous: Principal = Object.freeze({
  name: "anonymous",
  scopes: new Set<never>(),
  grants: [],
});

/** Accepts the store's own key, with all scopes over all namespaces. */
export function createStoreKeyAuthenticator(storeKey: string): Authenticate {
  const expected = digest(storeKey);
  const principal: Principal = Object.freeze({
    name: "store-key",
    scopes: new Set(["read", "write", "admin"] as const),
    grants: ["*"],
  });
  return (authorization) => {
    // Digests have one length, so that the comparison says nothing about the key's.
    if (timingSafeEqual(digest(bearerToken(authorization)), expected)) return principal;
    throw new AppError("unauthorized", "the bearer token matches no key", {
      details: { reason: "unknown_key" },
    });
  };
}

function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined || authorization.trim() === "") {
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

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
