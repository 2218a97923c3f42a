import { describe, expect, it } from "vitest";
import {
  answerJson,
  answerText,
  contextWith,
  manualClock,
  type Script,
  scriptedUpstream,
} from "../../../test/upstream-double.js";
import type { UpstreamRequest } from "../../ports/upstream.js";
import { noCachedDocuments } from "../cache/cached-documents.js";
import { createCachedReads } from "../cache/cached-reads.js";
import { createDocumentReads } from "./document-reads.js";
import { createDocuments } from "./documents.js";
import { createIdTypes } from "./id-types.js";

const notFound = answerJson({ status: "error", error: "namespace 'n' was not found" }, 404);
const typeMismatch = answerJson({ status: "error", error: "filter error in key `id`: type mismatch" }, 400);

/** A namespace whose schema has `idType` and whose queries answer by `onQuery`. */
function namespaceOf(idType: () => string, onQuery: Script): Script {
  return (request) =>
    request.path.endsWith("/schema") ? answerJson({ id: { type: idType() } }) : onQuery(request);
}

function rowsText(rows: string): Script {
  return () => answerText(`{"rows":[${rows}],"billing":{},"performance":{}}`);
}

function gateway(script: Script) {
  const upstream = scriptedUpstream(script);
  const clock = manualClock();
  const idTypes = createIdTypes({ upstream, clock });
  const reads = createDocumentReads({ upstream, idTypes });
  const documents = createDocuments({ reads: createCachedReads({ reads, documents: noCachedDocuments }) });
  return {
    upstream,
    clock,
    documents,
    fetchOne: (id: string, names?: string | string[]) =>
      documents.fetchDocument(contextWith(), "n", id, names),
    fetchMany: (body: unknown) =>
      documents.fetchDocuments(
        contextWith(),
        "n",
        Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
      ),
    queries: () => upstream.requests.filter((request) => request.path.endsWith("/query")),
  };
}

const text = (relay: { body: Uint8Array }) => Buffer.from(relay.body).toString();
const sent = (request: UpstreamRequest | undefined) => Buffer.from(request?.body ?? []).toString();

describe("fetchDocument", () => {
  it("reads one row with strong consistency and shows its user attributes exactly", async () => {
    const row =
      '{"$dist":0,"id":"sku-17","title":"Trail \\u0073hoe","big":18446744073709551615,"f":1.0,"nested":{"a":[1e3]},"none":null,"vector":[0.1],"vectors":[1],"_hevlayer_upserted_at":1}';
    const { fetchOne, queries } = gateway(namespaceOf(() => "string", rowsText(row)));
    const relay = await fetchOne("sku-17");
    expect(relay.status).toBe(200);
    expect(relay.headers).toEqual({
      "content-type": "application/json; charset=utf-8",
      "x-layer-cache": "miss",
    });
    expect(text(relay)).toBe(
      '{"id":"sku-17","attributes":{"title":"Trail \\u0073hoe","big":18446744073709551615,"f":1.0,"nested":{"a":[1e3]}}}',
    );
    expect(queries()[0]).toMatchObject({
      method: "POST",
      path: "/v2/namespaces/n/query",
      effect: "read",
      answer: "decoded",
    });
    expect(sent(queries()[0])).toBe(
      '{"filters":["id","In",["sku-17"]],"rank_by":["id","asc"],"top_k":1,"include_attributes":true,"consistency":{"level":"strong"}}',
    );
  });

  it("shows exactly the attributes named, reserved ones included, vectors never", async () => {
    const row = '{"id":"a","title":"x","price":2,"vector":[1],"_hevlayer_upserted_at":17}';
    const { fetchOne } = gateway(namespaceOf(() => "string", rowsText(row)));
    expect(text(await fetchOne("a", " title , _hevlayer_upserted_at"))).toBe(
      '{"id":"a","attributes":{"title":"x","_hevlayer_upserted_at":17}}',
    );
    const warned = await fetchOne("a", ["price", "vector,absent"]);
    expect(text(warned)).toBe('{"id":"a","attributes":{"price":2}}');
    expect(warned.headers["x-layer-warning"]).toBe("vector_attribute_dropped");
    expect(text(await fetchOne("a", ""))).toBe('{"id":"a","attributes":{}}');
  });

  it("finds row 42 by the path segment 42", async () => {
    const { fetchOne, queries } = gateway(namespaceOf(() => "uint", rowsText('{"id":42,"a":1}')));
    expect(text(await fetchOne("42"))).toBe('{"id":"42","attributes":{"a":1}}');
    expect(sent(queries()[0])).toContain('["id","In",[42]]');
  });

  it("keeps ids up to 2^64-1 exact", async () => {
    const { fetchOne, queries } = gateway(namespaceOf(() => "uint", rowsText('{"id":18446744073709551615}')));
    expect(text(await fetchOne("18446744073709551615"))).toBe(
      '{"id":"18446744073709551615","attributes":{}}',
    );
    expect(sent(queries()[0])).toContain("[18446744073709551615]");
  });

  it("finds a uuid by any of its spellings", async () => {
    const uuid = "00112233-4455-6677-8899-aabbccddeeff";
    const { fetchOne, queries } = gateway(namespaceOf(() => "uuid", rowsText(`{"id":"${uuid}"}`)));
    for (const spelling of [uuid.toUpperCase(), uuid.replaceAll("-", ""), `{${uuid}}`, `urn:uuid:${uuid}`]) {
      expect(text(await fetchOne(spelling))).toBe(`{"id":"${uuid}","attributes":{}}`);
    }
    expect(new Set(queries().map(sent)).size).toBe(1);
  });

  it("answers 404 naming document and namespace when the row is absent", async () => {
    const { fetchOne } = gateway(namespaceOf(() => "string", rowsText("")));
    await expect(fetchOne("sku-99")).rejects.toMatchObject({
      code: "not_found",
      message: "document 'sku-99' was not found in namespace 'n'",
    });
  });

  it("answers 404 without a query when the namespace cannot hold such an id", async () => {
    const { fetchOne, queries } = gateway(namespaceOf(() => "uint", rowsText("")));
    await expect(fetchOne("042")).rejects.toMatchObject({ status: 404 });
    await expect(fetchOne("18446744073709551616")).rejects.toMatchObject({ status: 404 });
    expect(queries()).toEqual([]);
  });

  it("relays upstream's own answer when it refuses", async () => {
    const { fetchOne } = gateway(() => notFound);
    expect(await fetchOne("a")).toEqual({ status: 404, headers: notFound.headers, body: notFound.body });
  });

  it("remembers the id type for a minute", async () => {
    const { upstream, clock, fetchOne } = gateway(namespaceOf(() => "string", rowsText('{"id":"a"}')));
    const schemaReads = () => upstream.requests.filter((request) => request.path.endsWith("/schema")).length;
    await fetchOne("a");
    await fetchOne("a");
    expect(schemaReads()).toBe(1);
    clock.advance(60_001);
    await fetchOne("a");
    expect(schemaReads()).toBe(2);
  });

  it("asks again when a remembered type no longer fits", async () => {
    let idType = "string";
    const { fetchOne } = gateway(
      namespaceOf(
        () => idType,
        (request) => {
          const numeric = sent(request).includes("[7]");
          return numeric === (idType === "uint") ? answerText('{"rows":[{"id":7}]}') : typeMismatch;
        },
      ),
    );
    idType = "uint";
    await fetchOne("7");
    idType = "string";
    await expect(fetchOne("7")).resolves.toMatchObject({ status: 200 });
    idType = "uint";
    await expect(fetchOne("7")).resolves.toMatchObject({ status: 200 });
  });

  it("asks again before it calls an id impossible on a remembered type", async () => {
    let idType = "uint";
    const { fetchOne } = gateway(
      namespaceOf(
        () => idType,
        () => answerText(idType === "uint" ? '{"rows":[{"id":7}]}' : '{"rows":[{"id":"sku"}]}'),
      ),
    );
    await fetchOne("7");
    idType = "string";
    expect(text(await fetchOne("sku"))).toBe('{"id":"sku","attributes":{}}');
  });

  it("tries a number where no schema tells the type and the string was refused", async () => {
    const { fetchOne } = gateway((request) => {
      if (request.path.endsWith("/schema")) return answerJson({ status: "error", error: "no" }, 403);
      return sent(request).includes('["42"]') ? typeMismatch : answerText('{"rows":[{"id":42}]}');
    });
    expect(text(await fetchOne("42"))).toBe('{"id":"42","attributes":{}}');
  });

  it("calls an answer it cannot read an upstream error", async () => {
    for (const answer of ["nonsense", '{"rows":7}', "{}", '{"rows":[{"a":1}]}', '{"rows":[{"id":1']) {
      const { fetchOne } = gateway(
        namespaceOf(
          () => "string",
          () => answerText(answer),
        ),
      );
      await expect(fetchOne("a")).rejects.toMatchObject({ code: "upstream_error" });
    }
  });
});

describe("fetchDocuments", () => {
  it("keeps the order of first appearance, collapses duplicates and lists what is missing", async () => {
    const { fetchMany } = gateway(namespaceOf(() => "string", rowsText('{"id":"a","n":1},{"id":"c","n":3}')));
    const relay = await fetchMany({ ids: ["c", "b", "a", "c", "b"], include_attributes: ["n"] });
    expect(text(relay)).toBe(
      '{"documents":[{"id":"c","attributes":{"n":3}},{"id":"a","attributes":{"n":1}}],"missing":["b"]}',
    );
    expect(relay.headers["x-layer-cache"]).toBe("miss");
  });

  it("takes numbers and their decimal text for one id", async () => {
    const { fetchMany, queries } = gateway(namespaceOf(() => "uint", rowsText('{"id":9007199254740993}')));
    const relay = await fetchMany('{"ids":[9007199254740993,"9007199254740993","x",18446744073709551615]}');
    expect(text(relay)).toBe(
      '{"documents":[{"id":"9007199254740993","attributes":{}}],"missing":["x","18446744073709551615"]}',
    );
    expect(sent(queries()[0])).toContain("[9007199254740993,18446744073709551615]");
  });

  it("finds string ids by number in a namespace of strings", async () => {
    const { fetchMany, queries } = gateway(namespaceOf(() => "string", rowsText('{"id":"42"}')));
    expect(text(await fetchMany('{"ids":[42]}'))).toBe(
      '{"documents":[{"id":"42","attributes":{}}],"missing":[]}',
    );
    expect(sent(queries()[0])).toContain('["42"]');
  });

  it("asks nothing about half of a surrogate pair, which upstream would refuse with all the other ids", async () => {
    const { fetchMany, queries } = gateway(namespaceOf(() => "string", rowsText('{"id":"a"}')));
    const relay = await fetchMany(String.raw`{"ids":["a","\ud800"]}`);
    expect(text(relay)).toBe(String.raw`{"documents":[{"id":"a","attributes":{}}],"missing":["\ud800"]}`);
    expect(sent(queries()[0])).toContain('["a"]');
  });

  it("asks for at most 1000 ids a request", async () => {
    const { fetchMany, queries } = gateway(
      namespaceOf(
        () => "uint",
        (request) => {
          const ids: number[] = JSON.parse(sent(request)).filters[2];
          return answerJson({ rows: ids.map((id) => ({ id })) });
        },
      ),
    );
    const ids = Array.from({ length: 2_500 }, (_, at) => at);
    const relay = await fetchMany({ ids });
    expect(queries().map((request) => JSON.parse(sent(request)).top_k)).toEqual([1000, 1000, 500]);
    const { documents, missing } = JSON.parse(text(relay));
    expect(documents.map((document: { id: string }) => Number(document.id))).toEqual(ids);
    expect(missing).toEqual([]);
  });

  it("relays a refusal of any of its requests", async () => {
    const busy = answerJson({ status: "error", error: "too many" }, 429);
    const { fetchMany } = gateway(
      namespaceOf(
        () => "string",
        () => busy,
      ),
    );
    expect((await fetchMany({ ids: ["a"] })).status).toBe(429);
  });

  it.each([
    ["[]", "fetch body: expected an object"],
    ["{}", "ids: expected an array of ids"],
    ['{"ids":"a"}', "ids: expected an array of ids"],
    ['{"ids":[]}', "ids: at least 1 id is needed"],
    ['{"ids":["a",-1]}', "ids[1]: expected a string or an integer from 0 to 2^64-1"],
    ['{"ids":[1.0]}', "ids[0]: expected a string or an integer from 0 to 2^64-1"],
    ['{"ids":[18446744073709551616]}', "ids[0]: expected a string or an integer from 0 to 2^64-1"],
    ['{"ids":[null]}', "ids[0]: expected a string or an integer from 0 to 2^64-1"],
    ['{"ids":["a"],"include_attributes":"a"}', "include_attributes: expected an array of strings"],
    ['{"ids":["a"],"include_attributes":[1]}', "include_attributes: expected an array of strings"],
    [`{"ids":[${new Array(10_001).fill(1).join(",")}]}`, "ids: at most 10000 ids may be given, got 10001"],
  ])("refuses %s", async (body, message) => {
    const { fetchMany, upstream } = gateway(() => notFound);
    await expect(fetchMany(body)).rejects.toMatchObject({ code: "validation_error", message });
    expect(upstream.requests).toEqual([]);
  });

  it("refuses a body that is no JSON", async () => {
    await expect(gateway(() => notFound).fetchMany('{"ids":["a"')).rejects.toMatchObject({
      code: "invalid_json",
    });
  });
});

describe("the labels of a search", () => {
  it("are checked on a fetch too, before anything is read", async () => {
    const { upstream, documents } = gateway(() => answerJson({}));
    const context = contextWith({ headers: { "x-hevlayer-tags": "not fine" } });
    const refused = { code: "validation_error", message: expect.stringContaining("x-hevlayer-tags") };
    await expect(documents.fetchDocument(context, "n", "1", undefined)).rejects.toMatchObject(refused);
    const body = Buffer.from('{"ids":["1"]}');
    await expect(documents.fetchDocuments(context, "n", body)).rejects.toMatchObject(refused);
    expect(upstream.requests).toEqual([]);
  });
});
