/**
 * The servers of a run, each started when the first case asks for it: the gateway under test, gateways over a scripted
 * and over a refusing upstream, and the upstream that is scripted. A server that plays the gateway belongs to one case
 * alone, and is started there.
 */
import { quietPort } from "./quiet-port.js";
import { type RunningGateway, startGateway } from "./reference-gateway.js";
import type { ServerKind } from "./scenario.js";
import { type ScriptedServer, startScriptedServer } from "./scripted-server.js";

export interface Servers {
  /** Key that opens every gateway of the run. */
  key: string;
  /** True when the gateway outlives this run, so that cases must delete what they made. */
  foreign: boolean;
  /** Base URL of the gateway a case of this kind talks to. */
  url(kind: Exclude<ServerKind, "scripted">): Promise<string>;
  /** The scripted server that plays Turbopuffer to the gateway of `upstream` cases, shared by them all. */
  upstream(): Promise<ScriptedServer>;
  /** A URL at which connections are refused. */
  refusedUrl(): Promise<string>;
  close(): Promise<void>;
}

export interface ServersOptions {
  root: string;
  /** A server that is already running, instead of the reference gateway over its engine. */
  target?: { url: string; key: string };
}

/** Key of the gateways this suite starts; long and odd, so that finding it in a message proves a leak. */
const REFERENCE_KEY = "tpuf_conformance_5b1e7c90a4";

export function createServers(options: ServersOptions): Servers {
  const started = new Map<string, Promise<{ close(): Promise<void> }>>();
  const once = <T extends { close(): Promise<void> }>(name: string, start: () => Promise<T>): Promise<T> => {
    const running = (started.get(name) as Promise<T> | undefined) ?? start();
    started.set(name, running);
    return running;
  };
  const key = options.target?.key ?? REFERENCE_KEY;
  const upstream = () => once("upstream", startScriptedServer);
  const refusedUrl = async () =>
    (
      await once("refused port", async () => ({
        url: `http://127.0.0.1:${await quietPort()}`,
        close: async () => {},
      }))
    ).url;
  const gateway = (name: string, upstreamUrl?: () => Promise<string>) =>
    once(`gateway ${name}`, async () =>
      closable(
        await startGateway({
          root: options.root,
          key,
          ...(upstreamUrl === undefined ? {} : { upstreamUrl: await upstreamUrl() }),
        }),
      ),
    );
  return {
    key,
    foreign: options.target !== undefined,
    upstream,
    refusedUrl,
    async url(kind) {
      switch (kind) {
        case "gateway":
          return options.target?.url ?? (await gateway("engine")).url;
        case "upstream":
          return (await gateway("scripted", async () => (await upstream()).url)).url;
        case "refused":
          return (await gateway("refused", refusedUrl)).url;
      }
    },
    async close() {
      // What never came up has nothing to close, and its failure was reported by the case that asked for it.
      const running = (await Promise.allSettled(started.values())).flatMap((one) =>
        one.status === "fulfilled" ? [one.value] : [],
      );
      await Promise.allSettled(running.map((one) => one.close()));
    },
  };
}

function closable(gateway: RunningGateway): { url: string; close(): Promise<void> } {
  return { url: gateway.url, close: gateway.stop };
}
