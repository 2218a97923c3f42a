/** How an operation's route reads and how its marker stands in a URL: the same text in every language. */
import type { Operation } from "./model.js";

/** `POST /v2/namespaces/{namespace}?stainless_overload=copyFrom` */
export function routeText(operation: Operation): string {
  const query = fixedQueryText(operation);
  return `${operation.method} ${operation.path}${query === "" ? "" : `?${query}`}`;
}

/** The query parameters that every call sends, encoded, without the question mark; empty when there are none. */
export function fixedQueryText({ fixedQuery }: Operation): string {
  return fixedQuery
    .map(({ wire, value }) => `${encodeURIComponent(wire)}=${encodeURIComponent(value)}`)
    .join("&");
}
