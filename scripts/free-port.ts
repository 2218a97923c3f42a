/** Ports for tests that must name one before anybody listens there. */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below what Linux (from 32,768) and macOS (from 49,152) give to outgoing connections, which would take a port at any time. */
const [LOWEST, HIGHEST] = [10_000, 32_000];
const TRIES = 50;

/** A port of 127.0.0.1 on which nobody listens, and which no outgoing connection will be given. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) return port;
  }
  throw new Error(`${TRIES} ports between ${LOWEST} and ${HIGHEST} are taken`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
