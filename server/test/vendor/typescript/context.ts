/** What a check of the TypeScript client is given, and the few readings that many checks share. */
import Turbopuffer from "@turbopuffer/turbopuffer";
import { expect } from "vitest";
import type { Target } from "../checks.js";

export type Namespace = ReturnType<Turbopuffer["namespace"]>;

export interface Context {
  readonly target: Target;
  readonly client: Turbopuffer;
  /** A namespace of this check alone. `suffix` tells several of one check apart. */
  namespace(suffix?: string): Namespace;
  /** The name of such a namespace. */
  name(suffix?: string): string;
  /** A client of the same server with other options. */
  clientWith(options: { apiKey?: string; compression?: boolean }): Turbopuffer;
  /** A client of code that hard-wires its region, which then leads the path. */
  regionalClient(): Turbopuffer;
}

export type Check = (context: Context) => Promise<void>;

/** The attribute that the gateway stamps on every row written through it. */
export const STAMP = "_hevlayer_upserted_at";

interface Access {
  readonly baseURL: string;
  readonly apiKey: string;
}

/** Retries are off, so that an answer of 5xx or 429 is seen and not smoothed over. */
export function createContext(target: Target, access: Access, check: string): Context {
  const clientWith = (options: ConstructorParameters<typeof Turbopuffer>[0]) =>
    new Turbopuffer({ ...access, region: null, maxRetries: 0, timeout: 15_000, ...options });
  const regionalClient = () =>
    clientWith({ baseURL: `${access.baseURL}/{region}`, region: "gcp-us-central1" });
  const client = clientWith({});
  const name = (suffix = "") => `ts-${target}-${check}${suffix}`;
  return {
    target,
    client,
    name,
    namespace: (suffix) => client.namespace(name(suffix)),
    clientWith,
    regionalClient,
  };
}

type Rows = readonly { id: string | number }[] | undefined;

/** Ids in answer order; no rows at all is a failure, not an empty list. */
export function ids(rows: Rows): (string | number)[] {
  if (rows === undefined) throw new Error("the answer has no rows");
  return rows.map((row) => row.id);
}

/** Every row of a namespace, by id, with the attributes named. */
export async function stored(namespace: Namespace, attributes: string[]): Promise<unknown[]> {
  const answer = await namespace.query({
    rank_by: ["id", "asc"],
    top_k: 1_000,
    include_attributes: attributes,
  });
  if (answer.rows === undefined) throw new Error("the answer has no rows");
  return answer.rows;
}

/** Whether `$dist` of each row is what was computed by hand, to single precision. */
export function expectDistances(rows: readonly { $dist?: unknown }[] | undefined, wanted: number[]): void {
  const found = (rows ?? []).map((row) => row.$dist);
  expect(found).toHaveLength(wanted.length);
  for (const [index, distance] of wanted.entries()) expect(found[index]).toBeCloseTo(distance, 5);
}

/** The error a call ends with; a call that succeeds is a failure. */
export async function failureOf(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("the call succeeded");
}
