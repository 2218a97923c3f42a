/**
 * Writes: checked, stamped with the time they are sent, forwarded, and the answer relayed.
 *
 * The caller leaving does not stop a write that is under way, since its effect could not be undone; only the deadline
 * does.
 */

import type { Upstream } from "../ports/upstream.js";
import { readBody } from "./body.js";
import { forwardedHeaders, namespacePath } from "./forwarding.js";
import type { Writes } from "./operations.js";
import { isSuccess, relayAnswer } from "./relay.js";
import type { Stamps } from "./stamps.js";
import { inspectWrite } from "./write-inspection.js";

export interface WriteDependencies {
  upstream: Upstream;
  stamps: Stamps;
  /** Told of every namespace that upstream accepted a write for. */
  onWritten: (namespace: string) => void;
}

export interface WriteOptions {
  /** Deadline of a copy or branch, which may take minutes; other writes have the adapter's. */
  copyTimeoutMs: number;
  /** The largest body upstream takes, stamps included, bytes. */
  bodyBytesMax: number;
}

export function createWrites(
  { upstream, stamps, onWritten }: WriteDependencies,
  options: WriteOptions,
): Writes {
  return {
    writeNamespace: async (context, namespace, body) => {
      const write = readBody(body, (bytes) => inspectWrite(bytes, options.bodyBytesMax));
      const answer = await upstream.send({
        method: "POST",
        path: namespacePath("v2", namespace),
        query: context.rawQuery,
        headers: forwardedHeaders(context),
        body: write.splice.apply(write.bytes, String(stamps.issue())),
        effect: "write",
        notes: context.notes,
        timeoutMs: write.copies ? options.copyTimeoutMs : undefined,
      });
      if (isSuccess(answer)) onWritten(namespace);
      return relayAnswer(answer);
    },
  };
}
