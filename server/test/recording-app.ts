/** The application over recording handlers, for tests of everything around a handler. */

import http from "node:http";
import { systemClock } from "../src/clock.js";
import type { Handlers } from "../src/generated/handlers.js";
import { routes } from "../src/generated/routes.js";
import { type AppOptions, createApp } from "../src/http/app.js";
import { type Authenticate, createStoreKeyAuthenticator } from "../src/http/auth.js";
import { createBodyBudget } from "../src/http/body-budget.js";
import type { CallContext } from "../src/http/call-context.js";
import { createDrainState, type DrainState } from "../src/http/drain.js";
import { listen } from "../src/http/server.js";
import { readSpec } from "../src/http/spec-document.js";
import { createLog } from "../src/log.js";
import { type Metrics, noMetrics } from "../src/metrics.js";

export const KEY = "test-key";

/** Parsed once; nothing writes to it. */
const spec = readSpec();

/** What a handler was called with. */
export interface RecordedCall {
  readonly operationId: string;
  readonly path: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly bytes?: Uint8Array;
  readonly context: CallContext;
}

export interface TestApp {
  readonly url: string;
  readonly calls: RecordedCall[];
  readonly logLines: Record<string, unknown>[];
  readonly drain: DrainState;
  /** `fetch` with the key, unless the headers say otherwise. */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** Sends the path as it is, where `fetch` would tidy it up. */
  requestRaw(path: string): Promise<{ status: number; text: string }>;
  close(): Promise<void>;
}

export interface TestAppOptions extends Partial<AppOptions> {
  readonly authenticate?: Authenticate;
  readonly bodyMaxBytes?: number;
  readonly parsedBodyMaxBytes?: number;
  readonly budgetBytes?: number;
  readonly headersTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  readonly metrics?: Metrics;
  /** What every handler answers; the default is a small JSON object. */
  readonly answer?: (call: RecordedCall) => Promise<unknown>;
}

export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const calls: RecordedCall[] = [];
  const logLines: Record<string, unknown>[] = [];
  const drain = createDrainState("/nonexistent/drain-marker");
  const log = createLog("info", { write: (line) => void logLines.push(JSON.parse(line)) });
  const { metrics = noMetrics } = options;
  let nextId = 1;
  const newId = () => `id-${nextId++}`;
  const app = createApp(
    {
      handlers: recordingHandlers(
        calls,
        options.answer ?? (async () => ({ status: 200, json: { ok: true } })),
      ),
      spec: await spec,
      page: (_request, response) => void response.type("html").send("page"),
      clock: systemClock,
      log,
      newId,
      authenticate: options.authenticate ?? createStoreKeyAuthenticator(KEY),
      bodies: {
        maxBytes: options.bodyMaxBytes ?? 1024 * 1024,
        parsedMaxBytes: options.parsedBodyMaxBytes ?? 1024 * 1024,
        budget: createBodyBudget(options.budgetBytes ?? 64 * 1024 * 1024),
      },
      drain,
      metrics,
    },
    { corsOrigins: options.corsOrigins ?? [], validateResponses: options.validateResponses ?? false },
  );
  const { url, close } = await listen(
    { ...app, drain, log, metrics, newId },
    {
      host: "127.0.0.1",
      port: 0,
      keepAliveTimeoutMs: 5_000,
      headersTimeoutMs: options.headersTimeoutMs ?? 60_000,
      requestTimeoutMs: options.requestTimeoutMs ?? 300_000,
      timeoutCheckMs: 20,
    },
  );
  return {
    url,
    calls,
    logLines,
    drain,
    request: (path, init = {}) =>
      fetch(url + path, { ...init, headers: { authorization: `Bearer ${KEY}`, ...init.headers } }),
    requestRaw: (path) => getRaw(url, path),
    close: () => close(0).then(() => undefined),
  };
}

function recordingHandlers(
  calls: RecordedCall[],
  answer: (call: RecordedCall) => Promise<unknown>,
): Handlers<CallContext> {
  const handlers: Record<
    string,
    Record<string, (call: Omit<RecordedCall, "operationId">) => Promise<unknown>>
  > = {};
  for (const { tag, operationId } of Object.values(routes)) {
    handlers[tag] = handlers[tag] ?? {};
    handlers[tag][operationId] = (call) => {
      const recorded = { ...call, operationId };
      calls.push(recorded);
      return answer(recorded);
    };
  }
  return handlers as unknown as Handlers<CallContext>;
}

function getRaw(url: string, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { path }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      answer.once("end", () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    request.once("error", reject);
  });
}
