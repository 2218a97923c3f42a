/** Starts moto, an S3-compatible server, on a port of its own; it ends with its parent, whose end closes its standard input. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";

const PYTHON = fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const START_TIMEOUT_MS = 45_000;

/** One request at a time: moto looks at a condition and then writes, and between the two threads let another writer in. */
const PROGRAM = `
import sys
from threading import Lock, Thread
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
app = DomainDispatcherApplication(create_backend_app)
lock = Lock()
def in_turn(environ, start_response):
    with lock:
        return app(environ, start_response)
server = make_server("127.0.0.1", 0, in_turn, threaded=True, request_handler=MotoRequestHandler)
Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
`;

export interface MotoServer {
  readonly port: number;
  readonly endpoint: string;
  /** Kills the server at once, as a lost machine would be. */
  stop(): void;
}

export const motoCredentials = { accessKeyId: "test", secretAccessKey: "test" };

/** @param bucket made before this resolves */
export async function startMoto(bucket: string): Promise<MotoServer> {
  if (!existsSync(PYTHON))
    throw new Error(
      `${PYTHON} is missing: npm test makes it, or python3 -m venv .venv and pip install -r server/test/requirements.txt`,
    );
  const child = spawn(PYTHON, ["-c", PROGRAM], { stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors = (errors + chunk.toString("utf8")).slice(-4_000);
  });
  const port = await new Promise<number>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`moto did not start within ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    );
    createInterface({ input: child.stdout }).once("line", (line) => {
      clearTimeout(timer);
      resolve(Number(line));
    });
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`moto ended with ${code}: ${errors}`));
    });
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3Client({
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: motoCredentials,
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { port, endpoint, stop: () => void child.kill("SIGKILL") };
}
