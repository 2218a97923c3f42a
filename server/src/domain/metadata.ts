/**
 * Upstream's metadata of a namespace with the gateway's view beside it.
 *
 * The object is spliced, never re-serialised: a field that upstream adds tomorrow, or a number beyond 2^53, reaches the
 * caller as it was sent.
 */

import { Splice } from "../lang/json-splice.js";
import type { UpstreamAnswer } from "../ports/upstream.js";
import { readAnswer } from "./answer.js";

/** The gateway's view. Nothing is observed yet, so every namespace is cold: no watermark, no snapshot. */
export interface LayerView {
  stable_as_of: number | null;
  is_stable: boolean;
  indexed: boolean | null;
  index_lag_rows: number | null;
}

export const coldView: LayerView = {
  stable_as_of: null,
  is_stable: false,
  indexed: null,
  index_lag_rows: null,
};

/**
 * The metadata object with `layer`, and `id` where upstream gave none.
 *
 * @throws AppError `upstream_error` when the answer is not a JSON object
 */
export function withLayerView(answer: UpstreamAnswer, namespace: string, view: LayerView): Buffer {
  const { bytes, members } = readAnswer(answer, "metadata", (object) => object);
  const splice = new Splice();
  const layer = JSON.stringify(view);
  const added: string[] = [];
  if (!members.has("id")) added.push(`"id":${JSON.stringify(namespace)}`);
  const present = members.get("layer");
  if (present === undefined) added.push(`"layer":${layer}`);
  else
    splice.replace(
      present.start,
      present.end,
      splice.template(() => layer),
    );
  const text = added.join(",");
  const close = bytes.lastIndexOf("}");
  if (added.length > 0)
    splice.replace(
      close,
      close,
      splice.template(() => (members.size === 0 ? text : `,${text}`)),
    );
  return splice.apply(bytes, "");
}
