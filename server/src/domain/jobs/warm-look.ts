/** What a warm job learns of its namespace before the first page: one poll, whose answer also tells how many rows there are. */

import { memberValue } from "../../lang/json-members.js";
import type { Watcher } from "../consistency/watcher.js";
import { readAnswer } from "../forwarding/answer.js";
import { isSuccess } from "../forwarding/relay.js";
import { OriginRefused } from "./origin-pages.js";
import type { WarmStart } from "./warm-runner.js";

export interface WarmLookDependencies {
  readonly watcher: Pick<Watcher, "register" | "poll" | "view">;
}

/** @returns rejects with AppError of the upstream port; OriginRefused for a non-2xx */
export function createWarmLook({ watcher }: WarmLookDependencies) {
  return async (namespace: string, signal: AbortSignal): Promise<WarmStart> => {
    watcher.register(namespace);
    const answer = await watcher.poll(namespace, signal);
    if (!isSuccess(answer))
      throw new OriginRefused(
        answer.status,
        `turbopuffer answered ${answer.status} when asked about ${namespace}`,
      );
    const rows = readAnswer(answer, "metadata", (object) => memberValue(object, "approx_row_count"));
    return {
      through: watcher.view(namespace).watermark,
      total: typeof rows === "number" ? rows : undefined,
    };
  };
}
