/**
 * The embedded engine as an upstream: its process, reached over loopback by the very adapter that reaches Turbopuffer,
 * so that there is one code path for both.
 */

import type { Upstream } from "../../ports/upstream.js";
import { type EngineProcess, type EngineProcessOptions, startEngineProcess } from "./engine-process.js";
import { createTurbopuffer, type TurbopufferOptions } from "./turbopuffer.js";

export interface EngineTransport {
  readonly apiKey: string;
  /** Transport settings, as for the remote service. */
  readonly transport?: Omit<TurbopufferOptions, "url" | "apiKey" | "decodedEncoding">;
}

export type EmbeddedOptions = EngineProcessOptions & EngineTransport;

export interface EmbeddedUpstream extends Upstream {
  /** The engine's own Turbopuffer endpoint, for people and tools; it may change at a restart. */
  url(): string;
}

/**
 * Starts the engine and resolves once it listens. While it restarts after a crash, requests fail with 502.
 *
 * @throws Error with a one-line message naming what kept the engine from starting
 */
export async function createEmbeddedUpstream(options: EmbeddedOptions): Promise<EmbeddedUpstream> {
  return connectEngine(await startEngineProcess(options), options);
}

/** Reaches an engine that runs already. Closing the upstream closes it too. */
export function connectEngine(
  engine: EngineProcess,
  { apiKey, transport: options }: EngineTransport,
): EmbeddedUpstream {
  let transport = connect(engine.url());

  function connect(url: string): { url: string; upstream: Upstream } {
    const upstream = createTurbopuffer({ ...options, url, apiKey, decodedEncoding: "identity" });
    return { url, upstream };
  }

  /** The transport to where the engine listens now: a restart may have moved it to another port. */
  function current(): Upstream {
    if (transport.url !== engine.url()) {
      void transport.upstream.close();
      transport = connect(engine.url());
    }
    return transport.upstream;
  }

  return {
    send: (request) => current().send(request),
    ping: (signal) => current().ping(signal),
    url: engine.url,
    close: async () => {
      await transport.upstream.close();
      await engine.close();
    },
  };
}
