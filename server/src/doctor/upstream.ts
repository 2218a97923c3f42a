/** The vector store: Turbopuffer with its key, or the directory and port of the embedded engine. */

import path from "node:path";
import type { UpstreamConfig } from "../config.js";
import { judgeDateHeader } from "./clock-skew.js";
import { checkDirectory } from "./data-directory.js";
import { type Finding, ok, wrong } from "./finding.js";
import { type HttpAnswer, probeHttp } from "./http-probe.js";

/** @param now wall clock, epoch-ms */
export async function checkUpstream(config: UpstreamConfig, now: () => number): Promise<Finding[]> {
  return config.kind === "remote" ? checkRemote(config, now) : checkEngine(config);
}

async function checkRemote(
  { url, storeKey }: UpstreamConfig & { kind: "remote" },
  now: () => number,
): Promise<Finding[]> {
  const asked = now();
  const answer = await list(url, storeKey);
  if (typeof answer === "string")
    return [
      wrong(`${url} does not answer (${answer}); check TPUF_URL or TURBOPUFFER_REGION, and the network`),
    ];
  const skew = judgeDateHeader(answer.date, (asked + now()) / 2);
  if (answer.status === 401 || answer.status === 403)
    return [wrong(`${url} refuses the key (${answer.status}); set TURBOPUFFER_API_KEY to one of its keys`)];
  if (answer.status !== 200)
    return [
      wrong(
        `${url} answers ${answer.status} to a listing; check that TPUF_URL is the base URL of Turbopuffer's API`,
      ),
    ];
  if (!isListing(answer.body))
    return [
      wrong(
        `${url} answers a listing with something else, as a web page or a proxy would; check that TPUF_URL is the base URL of Turbopuffer's API`,
      ),
    ];
  return [ok(`${url} answers and takes the key`), ...skew];
}

async function checkEngine({ dataDir, port, storeKey }: UpstreamConfig & { kind: "embedded" }) {
  const findings = await checkDirectory(path.join(dataDir, "engine"));
  if (port === 0) return [...findings, ok("the engine takes any free port")];
  const answer = await list(`http://127.0.0.1:${port}`, storeKey);
  if (answer === "ECONNREFUSED") return [...findings, ok(`port ${port} is free for the engine`)];
  if (typeof answer !== "string" && answer.status === 200 && isListing(answer.body))
    return [...findings, ok(`an engine serves on port ${port} already, with this key`)];
  return [
    ...findings,
    wrong(
      `port ${port} is taken, by another program or an engine with another key; stop it or set LAYER_ENGINE_PORT`,
    ),
  ];
}

/** Anything may answer 200. */
function isListing(body: string): boolean {
  try {
    const parsed: unknown = JSON.parse(body);
    return (
      typeof parsed === "object" &&
      parsed !== null &&
      "namespaces" in parsed &&
      Array.isArray(parsed.namespaces)
    );
  } catch {
    return false;
  }
}

function list(url: string, key: string): Promise<HttpAnswer | string> {
  const headers = { authorization: `Bearer ${key}` };
  return probeHttp(`${url}/v1/namespaces?page_size=1`, { method: "GET", headers });
}
