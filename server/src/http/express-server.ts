/**
 * An HTTP server whose requests and responses are born as Express ones.
 *
 * Express re-parents both objects on every request (`Object.setPrototypeOf`), which costs most of its CPU time. Here the
 * server creates them from classes that already carry Express's members, and the application is told that these are its
 * prototypes: the call becomes a no-op and a request costs a sixth. The price is that every server must be made here
 * (`app.listen` would bypass it), and that a new Express version has to pass the equality test beside this file.
 */

import http from "node:http";
import type { Express } from "express";

/**
 * Creates a server for `app`. `app.request` and `app.response` are replaced, so call it once for an application, after
 * which the application must only be served by the returned server.
 * @param serve what is called for every request, if it is not the application itself
 */
export function createExpressServer(
  app: Express,
  options: http.ServerOptions = {},
  serve: http.RequestListener = app,
): http.Server {
  class Request extends http.IncomingMessage {}
  class Response extends http.ServerResponse<http.IncomingMessage> {}
  adopt(Request.prototype, app.request, http.IncomingMessage.prototype);
  adopt(Response.prototype, app.response, http.ServerResponse.prototype);
  app.request = Request.prototype as unknown as Express["request"];
  app.response = Response.prototype as unknown as Express["response"];
  return http.createServer({ ...options, IncomingMessage: Request, ServerResponse: Response }, serve);
}

/** Copies what Express added between `from` and `end` onto `target`, the oldest first so that overrides win. */
function adopt(target: object, from: object, end: object): void {
  const chain: object[] = [];
  for (let link: object | null = from; link && link !== end; link = Object.getPrototypeOf(link)) {
    chain.unshift(link);
  }
  for (const link of chain) {
    const { constructor: _, ...members } = Object.getOwnPropertyDescriptors(link) as Record<
      string,
      PropertyDescriptor
    >;
    Object.defineProperties(target, members);
  }
}
