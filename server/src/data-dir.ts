/** The directory of the embedded stores: made when absent, and proved writable before anything relies on it. */

import { constants } from "node:fs";
import { access, mkdir } from "node:fs/promises";
import { StartError } from "./errors.js";

/** @throws StartError naming the directory and what is wrong with it */
export async function prepareDataDir(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    throw new StartError(
      `LAYER_DATA_DIR=${path}: cannot be written (${code}); make it a directory that this user may write, or set LAYER_DATA_DIR to one`,
      { cause },
    );
  }
}
