/** An S3-compatible server without conditional writes: a real one that never gets to see the conditions. */

import http from "node:http";
import type { AddressInfo } from "node:net";

export interface UnconditionalProxy {
  readonly endpoint: string;
  close(): void;
}

/** @param port of the real server on this machine */
export async function startUnconditionalProxy(port: number): Promise<UnconditionalProxy> {
  const server = http.createServer((request, response) => {
    const headers = { ...request.headers };
    delete headers["if-match"];
    delete headers["if-none-match"];
    const { method, url: path } = request;
    const onward = http.request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => request.socket.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
