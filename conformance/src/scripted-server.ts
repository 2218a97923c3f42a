/**
 * The scripted server: a real HTTP server that says what a scenario tells it to, and misbehaves on command.
 *
 * It plays a gateway towards clients and Turbopuffer towards a gateway. One server carries many cases at once: a request
 * belongs to the case whose mark (its unique namespace) occurs in the request's target, so one gateway process with one
 * upstream address serves every case of a run.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Answer } from "./scenario.js";
import { type RecordedRequest, Script } from "./script.js";
import { printJson } from "./values.js";

export interface ScriptedServer {
  url: string;
  /**
   * Serves `answers` to requests whose target contains `mark`; an empty mark takes every request.
   * @param behindGateway the requests come from a gateway, which has some of its own to make. Default false.
   */
  open(mark: string, answers: readonly Answer[], behindGateway?: boolean): Script;
  /** Forgets a mark. Requests that carry it are then nobody's. */
  release(mark: string): void;
  close(): Promise<void>;
}

/** The largest request body kept, in bytes. */
const BODY_BYTES_MAX = 64 * 1024 * 1024;

/** Starts a scripted server on a free loopback port. */
export async function startScriptedServer(): Promise<ScriptedServer> {
  const scripts = new Map<string, Script>();
  const server = createServer((request, response) => {
    handle(scripts, request, response).catch((cause: unknown) => {
      if (!request.aborted) process.stderr.write(`scripted server: ${String(cause)}\n`);
      response.destroy();
    });
  });
  server.keepAliveTimeout = 120_000;
  const port = await listen(server, 0);
  return {
    url: `http://127.0.0.1:${port}`,
    open(mark, answers, behindGateway = false) {
      const script = new Script(answers, behindGateway);
      scripts.set(mark, script);
      return script;
    },
    release: (mark) => void scripts.delete(mark),
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Listens on a loopback port, 0 for any, and says on which. Rejects when the port is taken. */
export async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function handle(
  scripts: Map<string, Script>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const recorded = await record(request);
  const target = `${recorded.path}?${recorded.query}`;
  const script = [...scripts].find(([mark]) => target.includes(mark))?.[1];
  if (script === undefined) return answerNobody(recorded, response);
  const answer = script.take(recorded);
  if (answer !== undefined) return play(answer, response);
  // 404 rather than 500: no client retries it, so the record shows the first request that went astray, once.
  send(
    response,
    404,
    { "content-type": "application/json" },
    Buffer.from('{"status":"error","error":"not in the script"}'),
  );
}

/** A gateway's own reads that belong to no case: its readiness probe sees an empty, healthy upstream. */
function answerNobody(recorded: RecordedRequest, response: ServerResponse): void {
  const listing = recorded.method === "GET" && recorded.path === "/v1/namespaces";
  const body = listing ? { namespaces: [] } : { status: "error", error: "namespace was not found" };
  send(
    response,
    listing ? 200 : 404,
    { "content-type": "application/json" },
    Buffer.from(JSON.stringify(body)),
  );
}

async function record(request: IncomingMessage): Promise<RecordedRequest> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw new Error(`request body above ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  const [path = "", ...query] = (request.url ?? "").split("?");
  return {
    method: request.method ?? "",
    path,
    query: query.join("?"),
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(", ") : (value ?? ""),
      ]),
    ),
    body: Buffer.concat(chunks),
  };
}

async function play(answer: Answer, response: ServerResponse): Promise<void> {
  if (answer.delay_ms !== undefined) await sleep(answer.delay_ms);
  if (answer.reset === true) {
    response.socket?.resetAndDestroy();
    return;
  }
  const { body, headers } = encode(answer);
  const status = answer.status ?? 200;
  const part = answer.cut_after ?? answer.stall_after;
  if (part === undefined) return send(response, status, headers, body);
  response.writeHead(status, { ...headers, "content-length": String(body.length) });
  await new Promise<void>((resolve) => response.write(body.subarray(0, part), () => resolve()));
  if (answer.cut_after !== undefined) {
    // Leave the bytes time to arrive: a reset overtakes data that is still in the peer's receive buffer.
    await sleep(50);
    response.socket?.resetAndDestroy();
  }
}

function encode(answer: Answer): { body: Buffer; headers: Record<string, string> } {
  const type = answer.json === undefined ? "text/plain; charset=utf-8" : "application/json";
  const text = answer.json === undefined ? (answer.text ?? "") : printJson(answer.json);
  const plain = Buffer.from(text, "utf8");
  return {
    body: answer.gzip === true ? gzipSync(plain) : plain,
    headers: {
      ...(plain.length > 0 ? { "content-type": type } : {}),
      ...(answer.gzip === true ? { "content-encoding": "gzip" } : {}),
      ...answer.headers,
    },
  };
}

function send(response: ServerResponse, status: number, headers: Record<string, string>, body: Buffer): void {
  response.writeHead(status, { ...headers, "content-length": String(body.length) });
  response.end(body);
}
