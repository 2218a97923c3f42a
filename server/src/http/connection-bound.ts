/**
 * Keeps connections from using up the files that a process may open. Past that limit it could reach nothing itself, and a
 * worker would be lost for good: Node's cluster hands a connection over as a file, and a worker that cannot take it is never
 * given another.
 *
 * One too many is closed at once. `server.maxConnections` would not do: a worker then gives it back, to be handed round.
 */

import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Log } from "../log.js";

/** Files for everything else: connections to upstream and the stores, files of lmdb, modules (chosen). */
const RESERVED_FILES = 256;
/** A new warning is worth it once so many have left. */
const CALM_SHARE = 0.9;

/**
 * How many connections a process may hold whose limit of open files is `filesMax`: all but those reserved, and half of them
 * where there are few.
 */
export function connectionsWithin(filesMax: number): number {
  return Math.max(filesMax - RESERVED_FILES, Math.floor(filesMax / 2));
}

/** Files this process may have open; undefined where the system does not tell, or sets no limit. */
export function readFilesMax(file = "/proc/self/limits"): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)\s/m.exec(readFileSync(file, "utf8"))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** Closes every connection of `server` beyond `connectionsMax`; call before it listens. */
export function boundConnections(server: Server, connectionsMax: number, log: Pick<Log, "warn">): void {
  let open = 0;
  let isTold = false;
  server.on("connection", (socket: Socket) => {
    if (open >= connectionsMax) {
      socket.destroy();
      if (!isTold) log.warn({ connections: open }, "too many connections: new ones are closed");
      isTold = true;
      return;
    }
    open += 1;
    socket.once("close", () => {
      open -= 1;
      if (open <= connectionsMax * CALM_SHARE) isTold = false;
    });
  });
}
