/** Whether a directory of the embedded stores can be used, without making anything in it. */

import { constants, existsSync } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import path from "node:path";
import { type Finding, note, ok, wrong } from "./finding.js";

/** Less free room than this is worth a word, in bytes. */
const FREE_BYTES_MIN = 1024 ** 3;

/** A directory that is not there yet is fine when it can be made. */
export async function checkDirectory(directory: string): Promise<Finding[]> {
  let place = directory;
  while (!existsSync(place) && path.dirname(place) !== place) place = path.dirname(place);
  try {
    if (!(await stat(place)).isDirectory())
      return [wrong(`${place} is not a directory; set LAYER_DATA_DIR to one`)];
    await access(place, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    return [
      wrong(`${place} cannot be written (${code}); let this user write it, or set LAYER_DATA_DIR elsewhere`),
    ];
  }
  const { bavail, bsize } = await statfs(place);
  const free = bavail * bsize;
  const room = `${(free / 1024 ** 3).toFixed(1)} GiB free`;
  const state = place === directory ? "is writable" : "will be made";
  return free < FREE_BYTES_MIN
    ? [note(`${directory} ${state}, but there is little room: ${room}`)]
    : [ok(`${directory} ${state}, ${room}`)];
}
