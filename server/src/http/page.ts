/**
 * The page at `/`: one self-contained document, put together when the server starts. It loads nothing from anywhere, and
 * its policy lets it run and style only what is inside it and talk only to this gateway.
 */

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { RequestHandler } from "express";
import { isLoopbackHost } from "./loopback-host.js";
import { send } from "./reply.js";

/** The sources beside this package: up from `src/http` as from `dist/http`. */
const FOLDER = new URL("../../page/", import.meta.url);

export interface PageOptions {
  /** The well-known key, when it is the one in use; shown to visitors on this machine. */
  readonly localKey?: string | undefined;
}

export async function createPage({ localKey }: PageOptions): Promise<RequestHandler> {
  const [html, style, script] = await Promise.all(
    ["index.html", "page.css", "page.js"].map((name) => readFile(new URL(name, FOLDER), "utf8")),
  );
  const fill = (bootstrap: object) =>
    Buffer.from(
      String(html)
        .replace("/*page.css*/", () => String(style))
        .replace("/*bootstrap*/", () => JSON.stringify(bootstrap))
        .replace("/*page.js*/", () => String(script)),
    );
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy(String(style), String(script)),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
  };
  const pages = { local: fill({ key: localKey }), public: fill({}) };
  return (request, response) => {
    const body = localKey !== undefined && isLoopbackHost(request.headers.host) ? pages.local : pages.public;
    send(response, { status: 200, headers, body });
  };
}

function policy(style: string, script: string): string {
  return [
    "default-src 'none'",
    "connect-src 'self'",
    "img-src data:",
    `style-src '${hash(style)}'`,
    `script-src '${hash(script)}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
