/** Keeps keys out of errors that come from below us: an injected fetch may put the whole request into its own. */

import type { ErrorResponse } from "./errors.js";

const DEPTH_MAX = 8;

const REDACTED = "[redacted]";

/** The answer with the secrets that the server sent back replaced, in its headers and in its text. */
export function responseWithoutSecrets(response: ErrorResponse, secrets: readonly string[]): ErrorResponse {
  const clean = (text: string) => secrets.reduce((left, secret) => left.replaceAll(secret, REDACTED), text);
  const text = clean(response.text);
  const entries = [...response.headers];
  if (!entries.some(([, value]) => clean(value) !== value)) return { ...response, text };
  const headers = new Headers(entries.map(([name, value]): [string, string] => [name, clean(value)]));
  return { ...response, headers, text };
}

/**
 * The error itself when nothing it would print holds one of the secrets; else a plain error with the same name, code and
 * message, secrets replaced.
 */
export function withoutSecrets(error: unknown, secrets: readonly string[]): unknown {
  if (secrets.length === 0 || !mentions(error, secrets, DEPTH_MAX, new Set())) return error;
  const original = error instanceof Error ? error : new Error(String(error));
  const message = secrets.reduce((text, secret) => text.replaceAll(secret, REDACTED), original.message);
  const { code } = original as { code?: unknown };
  return Object.assign(new Error(message), {
    name: original.name,
    ...(typeof code === "string" ? { code } : {}),
  });
}

function mentions(value: unknown, secrets: readonly string[], depth: number, seen: Set<object>): boolean {
  if (typeof value === "string") return secrets.some((secret) => value.includes(secret));
  if (typeof value !== "object" || value === null || seen.has(value)) return false;
  // What lies deeper than we look is taken for unsafe.
  if (depth === 0) return true;
  seen.add(value);
  if (value instanceof Headers)
    return [...value.values()].some((text) => mentions(text, secrets, depth, seen));
  if (value instanceof Request) return mentions(value.headers, secrets, depth - 1, seen);
  return Reflect.ownKeys(value).some((key) => {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    return (
      descriptor !== undefined &&
      "value" in descriptor &&
      mentions(descriptor.value, secrets, depth - 1, seen)
    );
  });
}
