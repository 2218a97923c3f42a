/** Failures arrive as the client's own error class of their status, with a message that says what was wrong. */
import Turbopuffer from "@turbopuffer/turbopuffer";
import { expect } from "vitest";
import { type Check, failureOf } from "./context.js";

const errorBadRequest: Check = async ({ client, namespace }) => {
  const films = namespace();
  await films.write({ upsert_rows: [{ id: 1, n: 1 }] });
  const limit = await failureOf(films.query({ rank_by: ["id", "asc"], top_k: 10_001 }));
  expect(limit).toBeInstanceOf(Turbopuffer.BadRequestError);
  expect(String(limit)).toContain("top_k must be between 1 and 10000");
  const unknown = await failureOf(
    films.query({ rank_by: ["id", "asc"], top_k: 1, filters: ["nope", "Eq", 1] }),
  );
  expect(unknown).toBeInstanceOf(Turbopuffer.BadRequestError);
  expect(String(unknown)).toContain("attribute not found");
  const twice = await failureOf(films.write({ upsert_rows: [{ id: 9 }, { id: 9 }] }));
  expect(twice).toBeInstanceOf(Turbopuffer.BadRequestError);
  const name = await failureOf(client.namespace("bad name").schema());
  expect(name).toBeInstanceOf(Turbopuffer.BadRequestError);
  expect(String(name)).toContain("Namespace contains invalid characters");
};

const errorUnauthorized: Check = async ({ name, clientWith }) => {
  const stranger = clientWith({ apiKey: "tpuf_wrong" });
  for (const call of [() => stranger.namespace(name()).metadata(), () => stranger.namespaces()]) {
    const error = await failureOf(call());
    expect(error).toBeInstanceOf(Turbopuffer.AuthenticationError);
    expect(String(error)).not.toContain("tpuf_wrong");
  }
};

const errorNotFound: Check = async ({ name, namespace }) => {
  const none = namespace();
  for (const call of [
    () => none.query({ rank_by: ["id", "asc"], top_k: 1 }),
    () => none.metadata(),
    () => none.schema(),
    () => none.recall(),
  ]) {
    const error = await failureOf(call());
    expect(error).toBeInstanceOf(Turbopuffer.NotFoundError);
    expect(String(error)).toContain(`namespace '${name()}' was not found`);
  }
  expect(await none.exists()).toBe(false);
};

const errorUnprocessable: Check = async ({ namespace }) => {
  const films = namespace();
  const metric = await failureOf(
    films.write({
      upsert_rows: [{ id: 1, vector: [1] }],
      // @ts-expect-error: a metric that does not exist, which is the point
      distance_metric: "manhattan",
    }),
  );
  expect(metric).toBeInstanceOf(Turbopuffer.UnprocessableEntityError);
  expect(String(metric)).toContain("manhattan");
  const id = await failureOf(films.write({ upsert_rows: [{ id: 1.5 }] }));
  expect(id).toBeInstanceOf(Turbopuffer.UnprocessableEntityError);
  expect(await films.exists()).toBe(false);
};

export const errorChecks = {
  error_bad_request: errorBadRequest,
  error_unauthorized: errorUnauthorized,
  error_not_found: errorNotFound,
  error_unprocessable: errorUnprocessable,
} satisfies Record<string, Check>;
