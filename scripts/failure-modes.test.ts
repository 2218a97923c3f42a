/** `docs/failure-modes.md` names tests, metrics and messages: each of them has to exist. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { metricCatalogue } from "../server/src/metric-catalogue.js";
import { processMetrics } from "../server/src/metric-tables/process.js";
import { ROOT } from "./running-gateway.js";

interface Row {
  readonly fails: string;
  readonly signal: string;
  readonly recovery: string;
  readonly proof: string;
}

const page = readFileSync(join(ROOT, "docs/failure-modes.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| what fails"))
  .map((line): Row => {
    const [, fails = "", , signal = "", recovery = "", proof = ""] = line
      .split(" | ")
      .flatMap((cell, index) => (index === 0 ? ["", cell.slice(2)] : [cell.replace(/ \|$/, "")]));
    return { fails, signal, recovery, proof };
  });

const metrics = new Set<string>([...Object.keys(metricCatalogue), ...Object.keys(processMetrics)]);

/** Text of the server's shipped code. */
const sources = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "server/src"],
  {
    cwd: ROOT,
    encoding: "utf8",
  },
)
  .split("\n")
  .filter((file) => file.endsWith(".ts") && !/\.(test|contract)\.ts$/.test(file))
  .filter((file) => existsSync(join(ROOT, file)))
  .map((file) => readFileSync(join(ROOT, file), "utf8"))
  .join("\n");

/** The titles of the tests in a file, as they are written. */
function titlesIn(file: string): Set<string> {
  const text = readFileSync(join(ROOT, file), "utf8");
  const calls = text.matchAll(
    /\bit(?:\.\w+)*(?:\([^()]*(?:\[[\s\S]*?\])?[^()]*\))?\(\s*"((?:[^"\\]|\\.)*)"/g,
  );
  return new Set([...calls].map(([, title]) => (title ?? "").replace(/\\(.)/g, "$1")));
}

it("has rows for every dependency and for the gateway itself", () => {
  expect([...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual([
    "Upstream",
    "The document cache",
    "The blob store",
    "The gateway itself",
  ]);
  expect(rows.length).toBeGreaterThan(25);
});

describe.each(rows)("$fails", ({ signal, recovery, proof }) => {
  it("is proved by a test that exists", () => {
    const [, file = "", title = ""] = /^(\S+\.test\.ts): (.+)$/.exec(proof) ?? [];
    expect(existsSync(join(ROOT, file)), `${proof}: no such file`).toBe(true);
    expect([...titlesIn(file)], `${file} has no test of this name`).toContain(title);
  });

  it("names metrics and messages that exist, and says how it ends", () => {
    for (const [, name = ""] of signal.matchAll(/`((?:layer|hevlayer|process|nodejs)_[a-z0-9_]+)`/g))
      expect(metrics, name).toContain(name);
    for (const [, message = ""] of `${signal} ${recovery}`.matchAll(/log "([^"]+)"/g))
      expect(sources.includes(`"${message}"`), `log "${message}"`).toBe(true);
    expect(recovery.length).toBeGreaterThan(0);
  });
});
