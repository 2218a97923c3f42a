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
  readonly callers: string;
  readonly signal: string;
  readonly recovery: string;
  readonly proof: string;
}

const page = readFileSync(join(ROOT, "docs/failure-modes.md"), "utf8");
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| what fails"))
  .map((line): Row => {
    const [, fails = "", callers = "", signal = "", recovery = "", proof = ""] = line
      .split(" | ")
      .flatMap((cell, index) => (index === 0 ? ["", cell.slice(2)] : [cell.replace(/ \|$/, "")]));
    return { fails, callers, signal, recovery, proof };
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

/** The titles of the tests in a file, as they are written; `…` for what a template puts in. */
function titlesIn(file: string): Set<string> {
  const text = readFileSync(join(ROOT, file), "utf8");
  const calls = text.matchAll(
    /\bit(?:\.\w+)*(?:\([^()]*(?:\[[\s\S]*?\])?[^()]*\))?\(\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)/g,
  );
  return new Set(
    [...calls].map(([, plain, template]) =>
      plain === undefined ? (template ?? "").replace(/\$\{[^}]*\}/g, "…") : plain.replace(/\\(.)/g, "$1"),
    ),
  );
}

it("has rows for every dependency and for the gateway itself", () => {
  expect([...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual([
    "Upstream",
    "The embedded engine",
    "The document cache",
    "The blob store",
    "The queue store",
    "The clock",
    "The gateway itself",
  ]);
  for (const section of page.split(/^## /m).slice(1))
    expect(
      section.split("\n").filter((line) => line.startsWith("| ")).length,
      section.slice(0, 40),
    ).toBeGreaterThan(4);
});

it("leaves out no fault that is proved through the whole gateway", () => {
  const file = "server/test/faults.test.ts";
  const named = rows.map(({ proof }) => proof).filter((proof) => proof.startsWith(`${file}: `));
  expect(new Set(named)).toEqual(new Set([...titlesIn(file)].map((title) => `${file}: ${title}`)));
});

describe.each(rows)("$fails", ({ callers, signal, recovery, proof }) => {
  it("is proved by a test that exists", () => {
    const [, file = "", title = ""] = /^(\S+\.test\.ts): (.+)$/.exec(proof) ?? [];
    expect(existsSync(join(ROOT, file)), `${proof}: no such file`).toBe(true);
    expect([...titlesIn(file)], `${file} has no test of this name`).toContain(title);
  });

  it("says what callers see, how it ends, and which metrics and messages tell, which exist", () => {
    for (const [, name = ""] of signal.matchAll(/`((?:layer|hevlayer|process|nodejs)_[a-z0-9_]+)`/g))
      expect(metrics, name).toContain(name);
    for (const [, message = ""] of `${signal} ${recovery}`.matchAll(/log "([^"]+)"/g))
      expect(sources.includes(`"${message}"`), `log "${message}"`).toBe(true);
    for (const cell of [callers, signal, recovery]) expect(cell.trim()).not.toBe("");
  });
});
