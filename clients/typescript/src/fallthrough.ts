/**
 * Asking Turbopuffer directly when the gateway cannot be reached: which calls may, when, and how the request changes.
 *
 * Never on an HTTP status, which is an answer; never with the gateway's key. A write falls through only when it surely
 * was not sent.
 */
import type { OperationInfo } from "./call.js";
import type { Config } from "./config.js";
import { isRecord } from "./errors.js";
import { encodeBody, ownHeaders } from "./request.js";
import { isUnsent } from "./retry.js";
import { TransportFailure, type WireRequest } from "./transport.js";

/** How long a gateway that refused a connection is taken for down. */
export const GATEWAY_DOWN_MS = 5_000;

/** The same call as a request to Turbopuffer, or undefined when it may not or cannot fall through. */
export function directRequest(
  config: Config,
  operation: OperationInfo,
  request: WireRequest,
  body: unknown,
): WireRequest | undefined {
  if (!config.fallbackToTurbopuffer || config.turbopufferApiKey === undefined) return undefined;
  if (operation.fallthrough === "no") return undefined;
  if (operation.fallthrough === "native" && !isNative(body)) return undefined;
  const upstreamBody = operation.fallthrough === "simple" ? simpleQuery(body) : body;
  if (operation.fallthrough === "simple" && upstreamBody === undefined) return undefined;
  return {
    ...request,
    baseUrl: config.turbopufferBaseUrl,
    path: operation.upstreamPath ?? operation.path,
    // The caller's headers are meant for the gateway and may hold its credentials.
    headers: { ...ownHeaders(operation), authorization: `Bearer ${config.turbopufferApiKey}` },
    body: upstreamBody === body ? request.body : encodeBody(operation.id, upstreamBody),
  };
}

/** Whether the failure means that the gateway was not reached and the call may be made elsewhere. */
export function isUnreachable(failure: unknown, safe: OperationInfo["safe"]): boolean {
  if (!(failure instanceof TransportFailure) || failure.answered) return false;
  return safe === "read" || isUnsent(failure);
}

/** Fields that only the gateway understands. */
const LAYER_FIELDS = ["nearest_to_id", "cursor", "as_of", "between"] as const;

/** Rankings that the gateway takes apart; Turbopuffer does not know them. */
const LAYER_RANKINGS: ReadonlySet<unknown> = new Set(["HybridText", "Auto"]);

/** Several queries that are all Turbopuffer's own. */
function isNative(body: unknown): boolean {
  if (!isRecord(body) || !Array.isArray(body.queries)) return false;
  return [body, ...(body.queries as unknown[])].every(
    (part) =>
      isRecord(part) &&
      part.vector === undefined &&
      LAYER_FIELDS.every((field) => part[field] === undefined) &&
      !(Array.isArray(part.rank_by) && LAYER_RANKINGS.has(part.rank_by[1])),
  );
}

/**
 * A plain vector query in Turbopuffer's own form: the gateway's `vector` form rewritten, a native one as it is.
 * Undefined for any other query.
 */
function simpleQuery(body: unknown): unknown {
  if (!isRecord(body) || LAYER_FIELDS.some((field) => body[field] !== undefined)) return undefined;
  if (body.queries !== undefined) return undefined;
  const { vector, top_k, ...rest } = body;
  if (vector === undefined) return isVectorRank(body.rank_by) ? body : undefined;
  if (body.rank_by !== undefined || !isVector(vector)) return undefined;
  return {
    rank_by: ["vector", "ANN", vector],
    top_k: top_k ?? 10,
    consistency: { level: "eventual" },
    ...rest,
  };
}

function isVectorRank(rankBy: unknown): boolean {
  if (!Array.isArray(rankBy) || rankBy.length !== 3) return false;
  const [attribute, operator, operand] = rankBy as unknown[];
  return typeof attribute === "string" && (operator === "ANN" || operator === "kNN") && isVector(operand);
}

function isVector(value: unknown): boolean {
  if (typeof value === "string" || Array.isArray(value)) return value.length > 0;
  return ArrayBuffer.isView(value) && value.byteLength > 0;
}
