/**
 * Ports on which nothing listens, for the length of a run.
 *
 * A port that the system gave out and took back is given to the next server that asks, and then no longer refuses
 * connections. So these come from below the range that Linux and macOS give out on their own.
 */
import { createServer } from "node:http";
import { listen } from "./scripted-server.js";

const FIRST = 20_000;
const COUNT = 10_000;
const TRIES = 50;

/** A loopback port that nobody uses: free to take, and refused to whoever connects. */
export async function quietPort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const server = createServer();
    const free = await listen(server, port).then(
      () => true,
      () => false,
    );
    if (!free) continue;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    return port;
  }
  throw new Error(`found no free port from ${FIRST} to ${FIRST + COUNT - 1} in ${TRIES} tries`);
}
