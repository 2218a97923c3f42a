/**
 * A working copy of the checkout in a temporary folder, to change and build without touching the real one.
 *
 * Third-party packages are linked, not copied; the workspaces' own links point into the copy, so that an edited client is
 * the one its driver loads.
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "./running-gateway.js";

export interface TreeCopy {
  folder: string;
  /** Environment under which Python finds the copy's client. */
  env: Record<string, string>;
  remove(): void;
}

export function copyTree(): TreeCopy {
  const folder = mkdtempSync(join(tmpdir(), "hevlayer-tree-"));
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: 10_000,
  });
  for (const file of listed.split("\0").filter(Boolean)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(ROOT, file), join(folder, file));
  }
  linkPackages(folder);
  symlinkSync(join(ROOT, ".venv"), join(folder, ".venv"));
  return {
    folder,
    env: { PYTHONPATH: join(folder, "clients/python/src") },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function linkPackages(folder: string): void {
  const source = join(ROOT, "node_modules");
  const target = join(folder, "node_modules");
  mkdirSync(target);
  for (const name of readdirSync(source)) {
    const path = join(source, name);
    const own = lstatSync(path).isSymbolicLink();
    symlinkSync(own ? readlinkSync(path) : path, join(target, name));
  }
  for (const workspace of ["generator", "clients/typescript", "server", "conformance"]) {
    const nested = join(ROOT, workspace, "node_modules");
    try {
      if (lstatSync(nested).isDirectory()) symlinkSync(nested, join(folder, workspace, "node_modules"));
    } catch {
      // Most workspaces have no packages of their own.
    }
  }
}
