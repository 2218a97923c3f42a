import { describe, expect, it } from "vitest";
import { runCli } from "./cli.js";
import { settings } from "./settings.js";

async function run(args: string[], environment: Record<string, string> = {}) {
  const printed: string[] = [];
  const complained: string[] = [];
  const code = await runCli(args, {
    environment,
    print: (text) => printed.push(text),
    complain: (text) => complained.push(text),
    stopped: Promise.resolve(),
  });
  return { code, printed: printed.join("\n"), complained: complained.join("\n") };
}

describe("the command line", () => {
  it("explains every command, option, variable and exit code with --help", async () => {
    const { code, printed } = await run(["--help"]);
    expect(code).toBe(0);
    for (const word of [
      "serve",
      "engine",
      "doctor",
      "config",
      "--port",
      "--help",
      "--version",
      "SIGTERM",
      "Exit codes",
    ]) {
      expect(printed).toContain(word);
    }
    for (const { name } of Object.values(settings)) expect(printed).toContain(name);
  });

  it("prints the version and nothing else", async () => {
    expect(await run(["-v"])).toMatchObject({
      code: 0,
      printed: expect.stringMatching(/^\d+\.\d+\.\d+\S*$/),
    });
  });

  it.each([
    [["run"], "unknown command 'run'"],
    [["serve", "now"], "unexpected argument 'now'"],
    [["--fast"], "unknown option '--fast'"],
    [["engine", "--port", "http"], "--port http is not a port from 0 to 65535"],
    [["engine", "--port", "65536"], "--port 65536 is not a port from 0 to 65535"],
    [["doctor", "--port", "1"], "--port does not go with 'doctor'"],
  ])("answers %j with one line and exit code 2", async (args, problem) => {
    expect(await run(args)).toEqual({
      code: 2,
      printed: "",
      complained: `hevlayer-gateway: ${problem}; see hevlayer-gateway --help`,
    });
  });

  it("leaves with 1 and a line for each problem of the environment", async () => {
    const { code, complained } = await run(["serve"], { PORT: "x", LAYER_LOG_LEVEL: "y" });
    expect(code).toBe(1);
    expect(complained.split("\n")).toEqual([
      expect.stringMatching(/^PORT=x: /),
      expect.stringMatching(/^LAYER_LOG_LEVEL=y: /),
    ]);
  });

  it("says why there is no engine to run beside a remote upstream", async () => {
    const { code, complained } = await run(["engine"], {
      TPUF_URL: "http://127.0.0.1:1",
      TURBOPUFFER_API_KEY: "k",
    });
    expect([code, complained]).toEqual([
      1,
      "TPUF_URL or TURBOPUFFER_REGION is set, so there is no engine to run; unset it",
    ]);
  });

  it("prints the effective configuration with its sources and without secrets", async () => {
    const { code, printed } = await run(["config"], {
      LAYER_DATA_DIR: "/data",
      DATABASE_URL: "postgres://layer:hunter2@db:5432/layer",
      AEROSPIKE_HOSTS: "cache:3000",
      AEROSPIKE_USER: "layer",
      AEROSPIKE_PASSWORD: "hunter2",
      TURBOPUFFER_API_KEY: "hunter2",
    });
    expect(code).toBe(0);
    expect(printed).not.toContain("hunter2");
    for (const line of [
      /^PORT +8080 +default$/m,
      /^LAYER_DATA_DIR +\/data +environment$/m,
      /^TURBOPUFFER_API_KEY +\[secret\] +environment$/m,
      /^AEROSPIKE_PASSWORD +\[secret\] +environment$/m,
      /^upstream +engine +\/data\/engine$/m,
      /^document cache +aerospike +cache:3000\/hevlayer$/m,
      /^blob store +lmdb +\/data\/blobs$/m,
      /^queue store +postgresql +db:5432\/layer$/m,
    ])
      expect(printed).toMatch(line);
    for (const { name } of Object.values(settings)) expect(printed).toContain(`${name} `);
  });

  it("prints no default that does not hold beside a remote upstream", async () => {
    const { printed } = await run(["config"], {
      TPUF_URL: "https://tpuf.example.com",
      TURBOPUFFER_API_KEY: "k",
    });
    expect(printed).toMatch(/^LAYER_DATA_DIR +none +default$/m);
    expect(printed).toMatch(/^blob store +off +not configured: set S3_BUCKET/m);
    expect(printed).not.toContain("tpuf_local");
  });

  it("has the doctor print its findings and leave with 1 when something is wrong", async () => {
    const remote = { TPUF_URL: "http://127.0.0.1:1", TURBOPUFFER_API_KEY: "hunter2" };
    const { code, printed, complained } = await run(["doctor"], remote);
    expect([code, complained]).toEqual([1, ""]);
    expect(printed).toMatch(/^wrong +upstream +http:\/\/127\.0\.0\.1:1 does not answer \(ECONNREFUSED\);/m);
    expect(printed).toMatch(/^off +queue store /m);
    expect(printed).not.toContain("hunter2");
  });

  it.each(["doctor", "config"])("reports a wrong environment from %s too", async (command) => {
    const { code, complained } = await run([command], { PORT: "x" });
    expect([code, complained]).toEqual([1, "PORT=x: must be a whole number from 0 to 65535"]);
  });
});
