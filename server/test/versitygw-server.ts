/**
 * Starts versitygw, the S3-compatible server that checks signatures, where its binary is found: named by
 * `LAYER_TEST_VERSITYGW`, on the PATH, or where `go install github.com/versity/versitygw/cmd/versitygw@v1.8.0` puts it.
 */

import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { freePort } from "../../scripts/free-port.js";
import type { S3Server } from "./running-s3.js";

const START_TIMEOUT_MS = 20_000;
/** Kills the server, and removes what it stored, when standard input ends: as it does with the tests, however they end. */
const LEASH = 'root=$1; shift; "$@" & server=$!; cat > /dev/null; kill -9 $server; rm -rf "$root"';

export const versitygwCredentials = {
  accessKeyId: "layer",
  secretAccessKey: "layer-on-loopback",
};

/** Where the binary is, or why there is none. */
export function findVersitygw(): { program: string } | { reason: string } {
  const { LAYER_TEST_VERSITYGW: named, PATH = "", GOBIN, GOPATH } = process.env;
  if (named) return { program: named };
  const go = [GOBIN ?? "", path.join(GOPATH ?? path.join(os.homedir(), "go"), "bin")];
  const program = [...PATH.split(path.delimiter), ...go]
    .filter((folder) => folder !== "")
    .map((folder) => path.join(folder, "versitygw"))
    .find(isExecutable);
  return program === undefined
    ? { reason: "versitygw is not on the PATH, nor named by LAYER_TEST_VERSITYGW" }
    : { program };
}

/** @param bucket made before this resolves */
export async function startVersitygw(program: string, bucket: string): Promise<S3Server> {
  const root = mkdtempSync(path.join(os.tmpdir(), "versitygw-"));
  const port = await freePort();
  const child = spawn(
    "sh",
    ["-c", LEASH, "sh", root, program, "--port", `127.0.0.1:${port}`, "posix", root],
    {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ROOT_ACCESS_KEY: versitygwCredentials.accessKeyId,
        ROOT_SECRET_KEY: versitygwCredentials.secretAccessKey,
        VGW_HEALTH: "/health",
        VGW_QUIET: "true",
      },
      stdio: ["pipe", "ignore", "pipe"],
    },
  );
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString("utf8")).slice(-4_000);
  });
  const stop = (): void => void child.stdin.end();
  const endpoint = `http://127.0.0.1:${port}`;
  for (const deadline = Date.now() + START_TIMEOUT_MS; ; await pause(50)) {
    const health = await fetch(`${endpoint}/health`).catch(() => undefined);
    if (health?.ok) break;
    if (Date.now() < deadline) continue;
    stop();
    throw new Error(`${program} did not start within ${START_TIMEOUT_MS} ms: ${errors}`);
  }
  const client = new S3Client({
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: versitygwCredentials,
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket })).finally(() => client.destroy());
  return { port, endpoint, credentials: versitygwCredentials, stop };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
