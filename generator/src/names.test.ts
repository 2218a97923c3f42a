import { describe, expect, it } from "vitest";
import {
  camel,
  constant,
  goExported,
  goLocal,
  iterWords,
  kebab,
  pascal,
  safeIdentifier,
  snake,
  splitWords,
  typescriptKey,
} from "./names.js";

describe("splitWords", () => {
  it.each([
    ["doc_id", ["doc", "id"]],
    ["getTurbopufferV1NamespaceMetadata", ["get", "turbopuffer", "v1", "namespace", "metadata"]],
    ["x-layer-stable-as-of", ["x", "layer", "stable", "as", "of"]],
    ["$dist", ["dist"]],
    ["keyId", ["key", "id"]],
    ["UnsupportedByStore", ["unsupported", "by", "store"]],
    ["APIVersion2", ["api", "version2"]],
    ["server_total_ms", ["server", "total", "ms"]],
  ])("splits %s", (name, words) => {
    expect(splitWords(name)).toEqual(words);
  });
});

describe("joining", () => {
  it("spells one name in each language's case", () => {
    const words = ["warm", "job", "id"];
    expect([camel, pascal, snake, kebab, constant, goExported].map((join) => join(words))).toEqual([
      "warmJobId",
      "WarmJobId",
      "warm_job_id",
      "warm-job-id",
      "WARM_JOB_ID",
      "WarmJobID",
    ]);
  });

  it("writes id and ms in capitals in Go, and nothing else", () => {
    expect(goExported(splitWords("server_total_ms"))).toBe("ServerTotalMS");
    expect(goExported(splitWords("ids"))).toBe("Ids");
    expect(goExported(splitWords("queryMetricsApiV1"))).toBe("QueryMetricsApiV1");
    expect(goLocal(["id"])).toBe("id");
    expect(goLocal(["range"])).toBe("range_");
  });

  it("derives the iterator from the listing", () => {
    expect(camel(iterWords(splitWords("listTurbopufferNamespaces")))).toBe("iterTurbopufferNamespaces");
  });
});

describe("safeIdentifier", () => {
  it.each([
    ["python", "from", "from_"],
    ["typescript", "default", "default_"],
    ["go", "type", "type_"],
    ["go", "from", "from"],
    ["typescript", "2fa", "_2fa"],
  ] as const)("makes %s's %s into %s", (language, name, safe) => {
    expect(safeIdentifier(language, name)).toBe(safe);
  });
});

describe("typescriptKey", () => {
  it("quotes only what is not an identifier", () => {
    expect(["$dist", "x-layer-cache", "id"].map(typescriptKey)).toEqual(["$dist", '"x-layer-cache"', "id"]);
  });
});
