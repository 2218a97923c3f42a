/**
 * Upstream's metadata of a namespace with the gateway's view beside it.
 *
 * The object is spliced, never re-serialised: a field that upstream adds tomorrow, or a number beyond 2^53, reaches the
 * caller as it was sent.
 */

import type { LayerMetadata } from "../../generated/types.js";
import { type JsonObject, memberValue } from "../../lang/json-members.js";
import { Splice } from "../../lang/json-splice.js";
import type { UpstreamAnswer } from "../../ports/upstream.js";
import type { NamespaceView } from "../consistency/view.js";
import { readAnswer } from "../forwarding/answer.js";

/**
 * The gateway's view. There are no snapshots yet, and nothing that would write one: only of a namespace that has vectors to be
 * indexed and no row is it known that none is missing.
 */
function layerBlock(metadata: JsonObject, { status, watermark }: NamespaceView): LayerMetadata {
  const isEmpty = memberValue(metadata, "approx_row_count") === 0;
  const isIndexed = isEmpty && hasVectors(memberValue(metadata, "schema"));
  return {
    stable_as_of: watermark ?? null,
    is_stable: status === "stable",
    indexed: isIndexed ? true : null,
    index_lag_rows: isIndexed ? 0 : null,
  };
}

/** `[512]f32` is a vector of 512; a type may stand alone or in an object. */
function hasVectors(schema: unknown): boolean {
  if (typeof schema !== "object" || schema === null) return false;
  return Object.values(schema).some((attribute: unknown) => {
    const type =
      typeof attribute === "object" && attribute !== null && "type" in attribute ? attribute.type : attribute;
    return typeof type === "string" && /^\[\d+\][fi]\d+$/.test(type);
  });
}

/**
 * The metadata object with `layer`, and `id` where upstream gave none.
 *
 * @throws AppError `upstream_error` when the answer is not a JSON object
 */
export function withLayerBlock(answer: UpstreamAnswer, namespace: string, view: NamespaceView): Buffer {
  const { metadata, layer } = readAnswer(answer, "metadata", (object) => ({
    metadata: object,
    layer: JSON.stringify(layerBlock(object, view)),
  }));
  const { bytes, members } = metadata;
  const splice = new Splice();
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
