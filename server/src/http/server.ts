/**
 * The listening server and its end. On a signal it first keeps listening, so that newcomers are told to go elsewhere
 * while the requests in flight finish; then it closes.
 */

import type { RequestListener, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Express } from "express";
import { StartError } from "../errors.js";
import { boundConnections, connectionsWithin, readFilesMax } from "./connection-bound.js";
import type { DrainState } from "./drain.js";
import { createExpressServer } from "./express-server.js";
import { answerRefusals, type RefusalDependencies } from "./parser-refusals.js";

export interface ListenOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly keepAliveTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How often both are checked, ms. Default 30,000, as Node's own. */
  readonly timeoutCheckMs?: number;
  /** Connections at once. Default: what the process's limit of open files leaves room for. */
  readonly connectionsMax?: number;
}

export interface RunningServer {
  /** Where it listens, ready for a browser. */
  readonly url: string;
  readonly port: number;
  /**
   * Begins draining, waits for the requests in flight for at most `timeoutMs`, then closes every connection.
   * @returns how many requests were cut off
   */
  close(timeoutMs: number): Promise<number>;
}

/** What is served, and who is told about it. */
export interface Served extends RefusalDependencies {
  readonly app: Express;
  /** Called for every request. Default: the application. */
  readonly serve?: RequestListener;
  readonly drain: DrainState;
}

/** @throws StartError when the address cannot be listened on */
export async function listen(
  { app, serve, drain, ...told }: Served,
  options: ListenOptions,
): Promise<RunningServer> {
  const server = createExpressServer(
    app,
    {
      keepAliveTimeout: options.keepAliveTimeoutMs,
      headersTimeout: options.headersTimeoutMs,
      requestTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: options.timeoutCheckMs ?? 30_000,
      // Asked for in `begin`, whose answer has a body.
      requireHostHeader: false,
    },
    serve,
  );
  answerRefusals(server, told);
  const connectionsMax =
    options.connectionsMax ?? connectionsWithin(readFilesMax() ?? Number.POSITIVE_INFINITY);
  boundConnections(server, connectionsMax, told.log);
  await bind(server, options);
  const { address, family, port } = server.address() as AddressInfo;
  const host = options.host === "localhost" ? "localhost" : family === "IPv6" ? `[${address}]` : address;
  return {
    url: `http://${host}:${port}`,
    port,
    async close(timeoutMs) {
      drain.begin();
      await drain.settled(timeoutMs);
      const cutOff = drain.inFlight;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      return cutOff;
    },
  };
}

function bind(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(explain(error, host, port)));
    server.listen(port, host, resolve);
  });
}

function explain(cause: NodeJS.ErrnoException, host: string, port: number): StartError {
  switch (cause.code) {
    case "EADDRINUSE":
      return new StartError(
        `PORT=${port}: another process listens on ${host}:${port}; stop it, or set PORT to a free port`,
        { cause },
      );
    case "EACCES":
      return new StartError(`PORT=${port}: this user may not listen there; set PORT to one above 1023`, {
        cause,
      });
    default:
      return new StartError(
        `HOST=${host}: cannot be listened on (${cause.code}); set HOST to an address of this machine`,
        { cause },
      );
  }
}
