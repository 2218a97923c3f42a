/** A hit equals a miss: whatever is written, the cache answers what the real engine would. */

import fc from "fast-check";
import { isLosslessNumber, parse } from "lossless-json";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runs } from "../../../test/long-runs.js";
import { createMemoryCache, type MemoryCache } from "../../../test/memory-cache.js";
import { contextWith } from "../../../test/upstream-double.js";
import { createTurbopuffer } from "../../adapters/upstream/turbopuffer.js";
import { systemClock } from "../../clock.js";
import { startTestEngine, TEST_KEY, type TestEngine } from "../../engine/http/test-engine.js";
import { AppError } from "../../errors.js";
import type { Upstream } from "../../ports/upstream.js";
import { createRandomHex } from "../../random.js";
import { createDomain, type Domain } from "../create-domain.js";

let engine: TestEngine;
let upstream: Upstream;
let cache: MemoryCache;
let cached: Domain;
let plain: Domain;

beforeAll(async () => {
  engine = await startTestEngine();
  upstream = createTurbopuffer({ url: engine.url, apiKey: TEST_KEY, decodedEncoding: "identity" });
  cache = createMemoryCache(systemClock);
  const parts = { upstream, clock: systemClock, random: createRandomHex() };
  cached = createDomain({ ...parts, documentCache: cache });
  plain = createDomain(parts);
});

afterAll(async () => {
  await upstream.close();
  await engine.stop();
});

/** JSON text of values that an attribute of a type may hold, in spellings that a client may choose. */
const values: Readonly<Record<string, fc.Arbitrary<string>>> = {
  string: fc.oneof(
    fc.string({ unit: "binary" }).map((value) => JSON.stringify(value)),
    fc.constantFrom('""', '"\\u0041\\/"', '"\\ud83d\\ude00"', '"\\ud800"', '"é\\u0000"', '"null"'),
  ),
  int: fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    fc.constantFrom("0", "-1", "12", "1.0", "1e3", "-0", "9007199254740993"),
  ),
  uint: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
  float: fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
    fc.constantFrom("1", "1.50", "1e3", "1E-7", "-0.0", "123456789012345678", "1e21", "5e-324"),
  ),
  uuid: fc.uuid().chain((id) => fc.constantFrom(`"${id}"`, `"${id.toUpperCase()}"`, `"{${id}}"`)),
  datetime: fc.constantFrom(
    '"2026-01-01"',
    '"2015-01-20T12:34:56-04:00"',
    '"2026-05-30T00:00:00.000000000Z"',
  ),
  bool: fc.constantFrom("true", "false"),
};
const scalarTypes = Object.keys(values);
const types = [...scalarTypes, ...scalarTypes.map((type) => `[]${type}`)];

function jsonOf(type: string): fc.Arbitrary<string> {
  const scalar = values[type.replace("[]", "")] ?? fc.constant("null");
  if (!type.startsWith("[]")) return scalar;
  return fc
    .tuple(fc.array(scalar, { maxLength: 4 }), fc.constantFrom(",", " , "))
    .map(([elements, comma]) => `[${elements.join(comma)}]`);
}

const component = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }).map(String),
  fc.constantFrom("0.1", "0.123456789123", "1", "1e-3"),
);
const vectorJson = fc
  .tuple(component, component, fc.boolean())
  .map(([x, y, isBase64]) =>
    isBase64
      ? `"${Buffer.from(Float32Array.of(Number(x), Number(y)).buffer).toString("base64")}"`
      : `[${x}, ${y}]`,
  );

const ids = {
  uint: ["0", "7", "18446744073709551615"],
  string: ['"a"', '"ü/ä"', '"7"'],
  uuid: [
    '"0A3B5D18-0000-4000-8000-000000000000"',
    '"0a3b5d18000040008000000000000001"',
    '"{0a3b5d18-0000-4000-8000-000000000002}"',
  ],
};

interface Shape {
  readonly idType: keyof typeof ids;
  readonly vector: string | undefined;
  readonly attributes: readonly (readonly [name: string, type: string])[];
}

const shapes: fc.Arbitrary<Shape> = fc.record({
  idType: fc.constantFrom(...(["uint", "string", "uuid"] as const)),
  vector: fc.constantFrom(undefined, "[2]f32", "[2]f16"),
  attributes: fc.uniqueArray(
    fc.tuple(fc.constantFrom("a", "b_c", "ünï", 'q"uote', "0"), fc.constantFrom(...types)),
    { selector: ([name]) => name, minLength: 1, maxLength: 4 },
  ),
});

/** The members of one row as JSON; an attribute may be null, or not there. */
function membersOf({ attributes, vector }: Shape, isPatch: boolean): fc.Arbitrary<Map<string, string>> {
  const each = attributes.map(([name, type]) =>
    fc
      .oneof({ arbitrary: jsonOf(type), weight: 6 }, fc.constantFrom("null", undefined))
      .map((json) => [name, json] as const),
  );
  return fc.tuple(fc.tuple(...each), vectorJson).map(([members, json]) => {
    const row = new Map<string, string>();
    for (const [name, value] of members) if (value !== undefined) row.set(name, value);
    if (vector !== undefined && !isPatch) row.set("vector", json);
    return row;
  });
}

const objectOf = (members: Iterable<readonly [string, string]>): string =>
  `{${[...members].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",")}}`;

function schemaOf({ idType, vector, attributes }: Shape): string {
  const quoted = (type: string) => JSON.stringify(type);
  const vectors = vector === undefined ? [] : [["vector", `{"type":"${vector}","ann":true}`] as const];
  const declared = attributes.map(([name, type]) => [name, quoted(type)] as const);
  return `"schema":${objectOf([["id", quoted(idType)], ...vectors, ...declared])},"distance_metric":"euclidean_squared"`;
}

/** A write of some rows, in rows or in columns. */
function writeOf(shape: Shape, isPatch: boolean, chosen: readonly string[]): fc.Arbitrary<string> {
  const operation = isPatch ? "patch" : "upsert";
  return fc
    .tuple(
      fc.array(membersOf(shape, isPatch), { minLength: chosen.length, maxLength: chosen.length }),
      fc.boolean(),
    )
    .map(([rows, isColumns]) => {
      if (!isColumns) {
        const list = rows.map((members, index) => objectOf([["id", chosen[index] ?? ""], ...members]));
        return `{"${operation}_rows":[${list.join(",")}],${schemaOf(shape)}}`;
      }
      const names = [...new Set(rows.flatMap((members) => [...members.keys()]))];
      const columns = names.map(
        (name) => [name, `[${rows.map((members) => members.get(name) ?? "null").join(",")}]`] as const,
      );
      return `{"${operation}_columns":${objectOf([["id", `[${chosen.join(",")}]`], ...columns])},${schemaOf(shape)}}`;
    });
}

const cases = shapes.chain((shape) => {
  const all = ids[shape.idType];
  const further = fc
    .subarray([...all], { minLength: 1 })
    .chain((chosen) =>
      fc.oneof(
        writeOf(shape, false, chosen),
        writeOf(shape, true, chosen),
        fc.constant(`{"deletes":[${chosen.join(",")}]}`),
      ),
    );
  return fc
    .tuple(writeOf(shape, false, all), fc.array(further, { maxLength: 3 }))
    .map(([first, others]) => ({ shape, writes: [first, ...others] }));
});

/** Documents by id, with every number as its text: 1 is not 1.0, and no digit may be lost. */
async function documentsOf(domain: Domain, namespace: string, asked: readonly string[]) {
  const names = '["a","b_c","ünï","q\\"uote","0","_hevlayer_upserted_at"]';
  const body = Buffer.from(`{"ids":[${asked.join(",")}],"include_attributes":${names}}`);
  const relay = await domain.documents.fetchDocuments(contextWith(), namespace, body);
  const parsed = parse(Buffer.from(relay.body).toString()) as { documents: Found[]; missing: string[] };
  const found = new Map(parsed.documents.map(({ id, attributes }) => [id, textual(attributes)]));
  return { cache: relay.headers["x-layer-cache"], found, missing: parsed.missing.length };
}

interface Found {
  readonly id: string;
  readonly attributes: object;
}

function textual(value: unknown): unknown {
  if (isLosslessNumber(value)) return `number ${value.toString()}`;
  if (Array.isArray(value)) return value.map(textual);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return members.map(([name, each]) => [name, textual(each)]);
}

/** What a search near a document begins from, or why it cannot. */
async function centreOf(domain: Domain, namespace: string, id: string): Promise<unknown> {
  const body = Buffer.from(`{"nearest_to_id":[${id}],"top_k":1}`);
  try {
    const relay = await domain.queries.queryNamespace(contextWith(), namespace, body);
    return [relay.status, JSON.parse(Buffer.from(relay.body).toString()).rows];
  } catch (error) {
    return error instanceof AppError ? error.message : error;
  }
}

describe("the cache", () => {
  it("answers what the engine would, after every write, from the write and from the engine's own answer", async () => {
    const counts = { hits: 0, answers: 0 };
    await fc.assert(
      fc.asyncProperty(cases, async ({ shape: { idType, vector }, writes }) => {
        const namespace = engine.fresh();
        const all = ids[idType];
        for (const write of writes) {
          const relay = await cached.writes.writeNamespace(contextWith(), namespace, Buffer.from(write));
          if (relay.status !== 200) continue;
          const truth = await documentsOf(plain, namespace, all);
          for (const id of all) {
            const one = await documentsOf(cached, namespace, [id]);
            for (const [key, document] of one.found) expect(document).toEqual(truth.found.get(key));
            counts.answers += 1;
            if (one.cache === "hit") counts.hits += 1;
            if (vector !== undefined)
              expect(await centreOf(cached, namespace, id)).toEqual(await centreOf(plain, namespace, id));
          }
          for (let again = 0; again < 2; again += 1)
            expect(await documentsOf(cached, namespace, all)).toMatchObject({
              found: truth.found,
              missing: truth.missing,
            });
        }
      }),
      { numRuns: runs(60) },
    );
    // Else it would have proved nothing.
    expect(counts.hits).toBeGreaterThan(counts.answers * 0.2);
  });
});
