/** Namespaces as a whole: schema, metadata, listing, copies, maintenance and deletion. */
import Turbopuffer from "@turbopuffer/turbopuffer";
import { expect } from "vitest";
import { type Check, failureOf, ids, type Namespace, STAMP, stored } from "./context.js";

async function writeThree(namespace: Namespace): Promise<void> {
  await namespace.write({
    upsert_rows: [1, 2, 3].map((id) => ({ id, vector: [id, 1], title: `film ${id}`, n: id })),
    distance_metric: "cosine_distance",
    schema: { title: { type: "string", full_text_search: { stemming: true } } },
  });
}

const readSchema: Check = async ({ target, namespace }) => {
  const films = namespace();
  await writeThree(films);
  const { [STAMP]: stamp, ...schema } = await films.schema();
  expect(stamp?.type).toBe(target === "gateway" ? "int" : undefined);
  expect(schema).toEqual({
    id: { type: "uint", filterable: null, full_text_search: null },
    vector: { type: "[2]f32", ann: true, filterable: null, full_text_search: null },
    n: { type: "int", filterable: true, full_text_search: null },
    title: {
      type: "string",
      filterable: false,
      full_text_search: {
        k1: 1.2,
        b: 0.75,
        k3: 8,
        language: "english",
        stemming: true,
        max_token_length: 39,
        remove_stopwords: false,
        ascii_folding: false,
        case_sensitive: false,
        tokenizer: "word_v4",
      },
    },
  });
};

const updateSchema: Check = async ({ namespace }) => {
  const films = namespace();
  await writeThree(films);
  const byNumber = () => films.query({ rank_by: ["id", "asc"], top_k: 5, filters: ["n", "Gt", 1] });
  const updated = await films.updateSchema({ schema: { n: { type: "int", filterable: false } } });
  expect(updated.n).toMatchObject({ type: "int", filterable: false });
  expect(updated).toHaveProperty("title");
  expect(await failureOf(byNumber())).toBeInstanceOf(Turbopuffer.BadRequestError);
  await films.updateSchema({ schema: { n: { type: "int", filterable: true }, extra: "string" } });
  expect(ids((await byNumber()).rows)).toEqual([2, 3]);
  expect(await films.schema()).toHaveProperty("extra");
  const error = await failureOf(films.updateSchema({ schema: { n: { type: "string" } } }));
  expect(error).toBeInstanceOf(Turbopuffer.BadRequestError);
  expect(String(error)).toContain("cannot change attribute type from int to string");
};

const readMetadata: Check = async ({ target, namespace }) => {
  const films = namespace();
  const before = Date.now() - 1_000;
  await writeThree(films);
  const metadata = await films.metadata();
  expect(metadata.approx_row_count).toBe(3);
  expect(metadata.approx_logical_bytes).toBeGreaterThan(0);
  expect(metadata.index).toEqual({ status: "up-to-date" });
  expect(metadata.encryption).toEqual({ mode: "default" });
  expect(metadata.schema.vector).toMatchObject({
    type: "[2]f32",
    ann: { distance_metric: "cosine_distance" },
  });
  expect(Date.parse(metadata.created_at)).toBeGreaterThanOrEqual(before);
  expect(Date.parse(metadata.updated_at)).toBeGreaterThanOrEqual(Date.parse(metadata.created_at));
  expect("layer" in metadata).toBe(target === "gateway");
};

const updateMetadata: Check = async ({ namespace }) => {
  const films = namespace();
  await writeThree(films);
  expect((await films.updateMetadata({ pinning: { replicas: 2 } })).pinning?.replicas).toBe(2);
  expect((await films.metadata()).pinning?.replicas).toBe(2);
  expect((await films.updateMetadata({ pinning: null })).pinning).toBeUndefined();
  const error = await failureOf(films.updateMetadata({ pinning: { replicas: 0 } }));
  expect(error).toBeInstanceOf(Turbopuffer.BadRequestError);
  expect(String(error)).toContain("replicas must be greater than 0");
};

const listPages: Check = async ({ client, name, namespace }) => {
  const names = Array.from({ length: 12 }, (_, index) => `-${String(index).padStart(2, "0")}`);
  for (const suffix of names) await namespace(suffix).write({ upsert_rows: [{ id: 1 }] });
  const sizes: number[] = [];
  const seen: string[] = [];
  const first = await client.namespaces({ prefix: name(), page_size: 5 });
  for await (const page of first.iterPages()) {
    if (page.namespaces.length > 0) sizes.push(page.namespaces.length);
    seen.push(...page.namespaces.map((summary) => summary.id));
  }
  expect(sizes).toEqual([5, 5, 2]);
  expect(seen.sort()).toEqual(names.map((suffix) => name(suffix)));
  const items: string[] = [];
  for await (const summary of client.namespaces({ prefix: name("-1") })) items.push(summary.id);
  expect(items.sort()).toEqual([name("-10"), name("-11")]);
  const error = await failureOf(client.namespaces({ page_size: 0 }));
  expect(error).toBeInstanceOf(Turbopuffer.BadRequestError);
};

const copy: Check = async ({ name, namespace }) => {
  await writeThree(namespace("-source"));
  const copied = await namespace().copyFrom({ source_namespace: name("-source") });
  expect(copied.status).toBe("OK");
  expect(copied.message).toContain("cloned");
  await namespace("-source").write({ deletes: [1] });
  await namespace().write({ patch_rows: [{ id: 2, n: 20 }] });
  expect(await stored(namespace(), ["n", "vector"])).toEqual([
    { id: 1, n: 1, vector: [1, 1] },
    { id: 2, n: 20, vector: [2, 1] },
    { id: 3, n: 3, vector: [3, 1] },
  ]);
  expect(await stored(namespace("-source"), ["n"])).toEqual([
    { id: 2, n: 2 },
    { id: 3, n: 3 },
  ]);
  const twice = await failureOf(namespace().copyFrom({ source_namespace: name("-source") }));
  expect(twice).toBeInstanceOf(Turbopuffer.BadRequestError);
};

const branch: Check = async ({ name, namespace }) => {
  await writeThree(namespace("-source"));
  await namespace().branchFrom({ source_namespace: name("-source") });
  await namespace().write({ deletes: [3] });
  expect(await stored(namespace(), ["n"])).toEqual([
    { id: 1, n: 1 },
    { id: 2, n: 2 },
  ]);
  expect(await stored(namespace("-source"), [])).toHaveLength(3);
  expect(await namespace().metadata()).toMatchObject({ branching: { parent: name("-source") } });
};

const recall: Check = async ({ namespace }) => {
  const films = namespace();
  await writeThree(films);
  const measured = await films.recall({ num: 1, top_k: 2, include_ground_truth: true });
  expect(measured).toMatchObject({ avg_recall: 1, avg_ann_count: 2, avg_exhaustive_count: 2 });
  expect(measured.ground_truth?.[0]?.nearest_neighbors).toHaveLength(2);
  expect((await films.recall()).avg_recall).toBe(1);
};

const warmHint: Check = async ({ namespace }) => {
  const films = namespace();
  await writeThree(films);
  const { data, response } = await films.hintCacheWarm().withResponse();
  expect(response.status).toBe(202);
  expect(data).toEqual({ status: "ACCEPTED", message: "cache warm hint accepted" });
};

const explain: Check = async ({ namespace }) => {
  const films = namespace();
  await writeThree(films);
  const explained = await films.explainQuery({ rank_by: ["vector", "ANN", [1, 1]], top_k: 2 });
  expect(explained.plan_text?.length).toBeGreaterThan(0);
};

const deleteNamespace: Check = async ({ target, namespace }) => {
  const films = namespace();
  await writeThree(films);
  expect((await films.deleteAll()).status).toBe("OK");
  expect(await films.exists()).toBe(false);
  const query = films.query({ rank_by: ["id", "asc"], top_k: 1 });
  expect(await failureOf(query)).toBeInstanceOf(Turbopuffer.NotFoundError);
  if (target === "gateway") expect((await films.deleteAll()).status).toBe("OK");
  else expect(await failureOf(films.deleteAll())).toBeInstanceOf(Turbopuffer.NotFoundError);
  await films.write({ upsert_rows: [{ id: "now a string", n: "and this too" }] });
  expect(await stored(films, ["n"])).toEqual([{ id: "now a string", n: "and this too" }]);
};

export const namespaceChecks = {
  read_schema: readSchema,
  update_schema: updateSchema,
  read_metadata: readMetadata,
  update_metadata: updateMetadata,
  list_pages: listPages,
  copy,
  branch,
  recall,
  warm_hint: warmHint,
  explain,
  delete_namespace: deleteNamespace,
} satisfies Record<string, Check>;
