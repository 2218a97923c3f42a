/** Who may import whom. ARCHITECTURE.md explains the table; each rule says its reason when it fires. */

const server = (path) => `^server/src/${path}`;

/** A rule for a folder: imports that resolve inside server/src must match one of `allowed`. */
function only(name, from, allowed, comment) {
  return {
    name,
    comment,
    severity: "error",
    from: { path: from, pathNot: "\\.(test|contract)\\.ts$" },
    to: { path: "^server/src/", pathNot: allowed },
  };
}

const leaves = [
  server("generated/"),
  server("errors\\.ts$"),
  server("log\\.ts$"),
  server("clock\\.ts$"),
  server("principal\\.ts$"),
  server("metrics\\.ts$"),
  server("metric-catalogue\\.ts$"),
  server("metric-tables/"),
  server("request-notes\\.ts$"),
  server("timers\\.ts$"),
];

module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment: "A cycle has no first file to read.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-orphans",
      comment: "A file nobody imports is dead, unless it is an entry point.",
      severity: "error",
      from: {
        orphan: true,
        pathNot: ["\\.d\\.ts$", "\\.test\\.ts$", "main\\.ts$", "clients/typescript/src/index\\.ts$"],
      },
      to: {},
    },
    {
      name: "tests-stay-tests",
      comment: "Shipped code never imports test code.",
      severity: "error",
      from: { pathNot: "\\.(test|contract)\\.ts$|/test/" },
      to: { path: "\\.(test|contract)\\.ts$|/test/" },
    },
    only(
      "generated-stands-alone",
      server("generated/"),
      [server("generated/")],
      "Generated code imports itself and Express types only.",
    ),
    only(
      "http-knows-no-domain",
      server("http/"),
      [...leaves, server("http/"), server("config\\.ts$")],
      "The transport does not know what is transported.",
    ),
    only(
      "handlers-unpack-and-pack",
      server("handlers/"),
      [...leaves, server("domain/"), server("http/reply\\.ts$"), server("handlers/")],
      "Handlers call one domain function; rules live in domain/.",
    ),
    only(
      "domain-knows-no-transport",
      server("domain/"),
      [...leaves, server("ports/"), server("lang/"), server("domain/")],
      "The domain reaches the world through ports.",
    ),
    only(
      "lang-is-pure",
      server("lang/"),
      [...leaves, server("lang/")],
      "Parsing and printing depend on nothing.",
    ),
    only(
      "engine-stands-alone",
      server("engine/"),
      [server("engine/")],
      "The engine is a library of its own and runs in its own process.",
    ),
    only(
      "adapters-know-their-port",
      server("adapters/"),
      [...leaves, server("ports/"), server("adapters/"), server("engine/main\\.ts$")],
      "An adapter implements its port and nothing else.",
    ),
    {
      name: "domain-without-node",
      comment: "Sockets, files and SDKs belong in adapters.",
      severity: "error",
      from: { path: "^server/src/(domain|lang)/", pathNot: "\\.test\\.ts$" },
      to: {
        path: "^(node:)?(fs|http|https|net|child_process|worker_threads)$|node_modules/(express|undici|lmdb|pino|prom-client)/",
      },
    },
    {
      name: "one-composition-root",
      comment: "Only main, the command line, the doctor and tests import the composition root.",
      severity: "error",
      from: {
        path: "^server/",
        pathNot: "^server/src/(main|cli|serve|compose)\\.ts$|^server/src/doctor/|^server/test/|\\.test\\.ts$",
      },
      to: { path: server("compose(-stores)?\\.ts$") },
    },
    {
      name: "packages-do-not-reach-into-each-other",
      comment: "Packages meet through openapi.yaml, generated files and published entry points.",
      severity: "error",
      from: { path: "^(generator|server|conformance|clients/typescript)/src/", pathNot: "\\.test\\.ts$" },
      to: { path: "^(generator|server|conformance|clients/typescript)/", pathNot: "^$1/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "/dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.tests.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"],
    },
    moduleSystems: ["es6"],
  },
};
