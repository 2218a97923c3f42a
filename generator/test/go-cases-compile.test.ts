/**
 * The Go files of every golden case compile against the client's written half, so that a case can expect no code that the
 * client would not take.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";

const CASES = fileURLToPath(new URL("cases", import.meta.url));
const CLIENT = fileURLToPath(new URL("../../clients/go", import.meta.url));
/** Written for the operations of our own specification. */
const ON_TOP = "surface.go";
/** A cold build cache compiles the standard library first. */
const VET_TIMEOUT_MS = 120_000;

let module: string;
beforeAll(async () => {
  module = await mkdtemp(join(tmpdir(), "hevlayer-go-cases-"));
});
afterAll(() => rm(module, { recursive: true, force: true }));

it("compiles the expected Go files of every case", { timeout: VET_TIMEOUT_MS }, async () => {
  await copyFile(join(CLIENT, "go.mod"), join(module, "go.mod"));
  const written = (await readdir(CLIENT)).filter(
    (file) => file.endsWith(".go") && !/(_gen|_test)\.go$/.test(file) && file !== ON_TOP,
  );
  const cases = (await readdir(CASES)).filter((name) => existsSync(join(CASES, name, "go")));
  for (const name of cases) {
    const folder = join(module, name);
    await mkdir(folder);
    for (const file of written) await copyFile(join(CLIENT, file), join(folder, file));
    for (const file of await readdir(join(CASES, name, "go")))
      await copyFile(join(CASES, name, "go", file), join(folder, file));
  }
  // Fails with the compiler's own messages; a missing toolchain is an error that names go.
  await promisify(execFile)("go", ["vet", "./..."], { cwd: module, timeout: VET_TIMEOUT_MS });
  expect(cases.length).toBeGreaterThan(0);
});
