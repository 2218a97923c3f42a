/** A real engine behind its HTTP face on a free port and a fresh directory, for tests. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, type EngineOptions } from "../engine.js";
import { type Json, type JsonObject, parseJson } from "../json.js";
import { createEngineServer, type EngineServerOptions } from "./server.js";

export const TEST_KEY = "tpuf_test";

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; integers beyond 2^53 are bigints. `{}` when the body is not a JSON object. */
  readonly body: JsonObject;
}

export interface TestEngine {
  readonly url: string;
  readonly engine: Engine;
  /** Sends raw text or bytes; the key is added unless the headers say otherwise. */
  send(
    method: string,
    path: string,
    body?: string | Buffer,
    headers?: Record<string, string>,
  ): Promise<Reply>;
  /** A name that no other test of this engine has. */
  fresh(): string;
  write(namespace: string, body: JsonObject | string): Promise<Reply>;
  query(namespace: string, body: JsonObject | string): Promise<Reply>;
  /** A query that must succeed; its rows. */
  rows(namespace: string, body: JsonObject): Promise<JsonObject[]>;
  /** Ids of a query that must succeed, in order. */
  ids(namespace: string, body: JsonObject): Promise<Json[]>;
  stop(): Promise<void>;
}

export async function startTestEngine(
  options: Partial<EngineOptions> & Partial<Pick<EngineServerOptions, "onDefect" | "faults">> = {},
): Promise<TestEngine> {
  const directory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), "engine-test-"));
  const engine = Engine.open({ ...options, dataDirectory: directory });
  const onDefect = options.onDefect ?? ((error: unknown) => console.error(error));
  const server = createEngineServer({ engine, apiKey: TEST_KEY, onDefect, faults: options.faults ?? [] });
  const url = `http://127.0.0.1:${await server.listen(0, "127.0.0.1")}`;
  let names = 0;

  const send: TestEngine["send"] = async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${TEST_KEY}`,
        "content-type": "application/json",
        "accept-encoding": "identity",
        ...headers,
      },
      ...(body === undefined ? {} : { body: body as string }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: bodyOf(text) };
  };
  const post = (path: string, body: JsonObject | string) =>
    send("POST", path, typeof body === "string" ? body : JSON.stringify(body));
  const query: TestEngine["query"] = (namespace, body) => post(`/v2/namespaces/${namespace}/query`, body);
  const rows: TestEngine["rows"] = async (namespace, body) => {
    const reply = await query(namespace, body);
    if (reply.status !== 200) throw new Error(`query answered ${reply.status}: ${reply.text}`);
    return reply.body.rows as JsonObject[];
  };
  return {
    url,
    engine,
    send,
    fresh: () => `test-${++names}`,
    write: (namespace, body) => post(`/v2/namespaces/${namespace}`, body),
    query,
    rows,
    ids: async (namespace, body) => (await rows(namespace, body)).map((row) => row.id as Json),
    stop: async () => {
      await server.close(1_000);
      await engine.close();
      if (options.dataDirectory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

function bodyOf(text: string): JsonObject {
  try {
    const body = parseJson(text);
    return typeof body === "object" && body !== null && !Array.isArray(body) ? body : {};
  } catch {
    return {};
  }
}
