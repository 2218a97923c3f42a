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
    for (const word of ["serve", "engine", "--help", "--version", "SIGTERM", "Exit codes"]) {
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
});
