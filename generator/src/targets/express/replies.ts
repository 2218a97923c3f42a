/**
 * Which schema an operation answers with for each status. The neutral model keeps one success type and only the statuses
 * of failures, which is all that clients need; a server also types the answers that are neither, such as a 503 with a body
 * of its own. Answers that operations share (`#/components/responses/…`) are errors, which a handler throws.
 */
import type { Operation } from "../../model.js";

interface Response {
  $ref?: string;
  content?: Record<string, { schema?: { $ref?: string } }>;
}

interface Document {
  paths: Record<string, Record<string, { responses?: Record<string, Response> } | undefined>>;
}

/** Status and schema name of every JSON answer that is the operation's own, ascending. */
export function replySchemas(document: unknown, operation: Operation): [status: number, schema: string][] {
  const { paths } = document as Document;
  const responses = paths[operation.path]?.[operation.method.toLowerCase()]?.responses ?? {};
  return Object.entries(responses).flatMap(([status, response]): [number, string][] => {
    const ref = response.content?.["application/json"]?.schema?.$ref;
    return /^\d+$/.test(status) && ref ? [[Number(status), ref.slice(ref.lastIndexOf("/") + 1)]] : [];
  });
}
