/** Sending a query until there is an answer to show: with the filter when the first try was one too many, deep pages twice. */

import type { UpstreamAnswer } from "../../ports/upstream.js";
import type { RequestContext } from "../context.js";
import { plainBody } from "../forwarding/answer.js";
import { isSuccess } from "../forwarding/relay.js";
import { type PageRequest, type ShownPage, showPage, type Window } from "./query-pages.js";
import { type StableRead, sendStable } from "./stable-read.js";

/** @param watermark epoch-ms to filter by @param window rows to ask for in place of the query's own */
export type SendQuery = (
  watermark: number | undefined,
  window: Window | undefined,
) => Promise<UpstreamAnswer>;

export interface ShownAnswer {
  readonly answer: UpstreamAnswer;
  readonly nextCursor?: string | undefined;
}

/** @param page undefined for a query without pages, whose answer is shown as it is */
export async function exchange(
  read: StableRead,
  page: PageRequest | undefined,
  { notes }: Pick<RequestContext, "notes">,
  send: SendQuery,
): Promise<ShownAnswer> {
  let stable = read;
  const windows = page?.after === undefined ? [undefined] : page.windows;
  for (const [index, window] of windows.entries()) {
    const { answer, filter } = await sendStable(stable, (watermark) => {
      if (notes !== undefined) {
        notes.stableFilter = watermark !== undefined;
        notes.retried = watermark !== read.filter;
      }
      return send(watermark, window);
    });
    // A refusal may be of the offset, which the caller has not asked for.
    const isFinal = index === windows.length - 1 || (answer.status !== 400 && answer.status !== 422);
    if (page === undefined || !isSuccess(answer)) {
      if (isFinal) return { answer };
    } else {
      const cut = { watermark: read.stableAsOf, filtered: filter !== undefined };
      const shown = showAnswer(answer, page, window ?? page.windows[0], cut);
      if (shown !== undefined) return shown;
    }
    stable = { ...stable, filter, retry: filter === undefined ? stable.retry : undefined };
  }
  throw new Error("a query had no last window");
}

function showAnswer(
  answer: UpstreamAnswer,
  page: PageRequest,
  window: Window,
  cut: Parameters<typeof showPage>[3],
): ShownAnswer | undefined {
  const plain = plainBody(answer);
  // Only a first page can be shown without being read.
  if (plain === undefined) return { answer };
  const shown: ShownPage | undefined = showPage(plain, page, window, cut);
  if (shown === undefined) return undefined;
  return {
    answer: shown.body === undefined ? answer : { ...answer, body: shown.body },
    nextCursor: shown.nextCursor,
  };
}
