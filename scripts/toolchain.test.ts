/** Which toolchains are refused, and that no package promises a Node.js that its dependencies refuse. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkVersion } from "./toolchain.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

interface LockedPackage {
  version?: string;
  dev?: boolean;
  engines?: { node?: string };
  dependencies?: Record<string, string>;
}

describe("checkVersion", () => {
  it.each([
    ["node", "20.18.1"],
    ["node", "20.18.10"],
    ["node", "21.0.0"],
    ["node for tests", "20.19.0"],
    ["python", "Python 3.11.0rc1"],
    ["go", "go1.22"],
  ] as const)("takes %s %s", (tool, version) => {
    expect(() => checkVersion(tool, version)).not.toThrow();
  });

  it.each([
    ["node", "20.18.0", "Node.js 20.18.1 or newer is needed, found 20.18.0"],
    ["node", "18.20.8", "Node.js 20.18.1 or newer is needed, found 18.20.8"],
    ["node for tests", "20.18.3", "Node.js 20.19 or newer is needed, found 20.18.3"],
    ["python", "Python 3.9.7", "Python 3.11 or newer is needed, found 3.9.7"],
    ["go", "", "Go 1.22 or newer is needed and was not found: install it from https://go.dev/dl"],
  ] as const)("refuses %s %s", (tool, version, message) => {
    expect(() => checkVersion(tool, version)).toThrow(message);
  });
});

describe("the Node.js that a package promises", () => {
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as {
    packages: Record<string, LockedPackage>;
  };

  /** The least version of the form `>=a.b.c` (or `>= a`), as numbers to compare; other forms do not occur here. */
  const floorOf = (range: string): number[] | undefined =>
    /^>=\s*([\d.]+)$/.exec(range)?.[1]?.split(".").map(Number);

  /** The packages that are installed with one of ours, itself left out. */
  function installedWith(folder: string): [string, LockedPackage][] {
    const found = new Map<string, LockedPackage>();
    const visit = (from: LockedPackage | undefined) => {
      for (const name of Object.keys(from?.dependencies ?? {})) {
        const key = `node_modules/${name}`;
        const entry = lock.packages[key];
        if (entry === undefined || found.has(key)) continue;
        found.set(key, entry);
        visit(entry);
      }
    };
    visit(lock.packages[folder]);
    return [...found];
  }

  it.each(["server", "conformance", "clients/typescript"])(
    "is one that the dependencies of %s run on",
    (folder) => {
      const manifest = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")) as LockedPackage;
      const promised = floorOf(manifest.engines?.node ?? "");
      expect(promised).toBeDefined();
      expect(lock.packages[folder]?.engines).toEqual(manifest.engines);
      const installed = installedWith(folder);
      expect(installed.length).toBeGreaterThan(0);
      const refusing = installed.filter(([, { engines }]) => {
        const wanted = floorOf(engines?.node ?? "");
        return wanted !== undefined && isBelow(promised ?? [], wanted);
      });
      expect(refusing.map(([name, { engines }]) => `${name} wants ${engines?.node}`)).toEqual([]);
    },
  );
});

function isBelow(left: readonly number[], right: readonly number[]): boolean {
  const at = right.findIndex((part, index) => (left[index] ?? 0) !== part);
  return at >= 0 && (left[at] ?? 0) < (right[at] ?? 0);
}
