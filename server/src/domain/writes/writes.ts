/**
 * Writes: checked, stamped with the time they are sent, forwarded, and the answer relayed.
 *
 * A write holds the watermark below its stamp until its fate is known (invariant 9 of ARCHITECTURE.md). The caller leaving does
 * not stop a write that is under way, since its effect could not be undone; only the deadline does.
 */

import { AppError } from "../../errors.js";
import type { Upstream, UpstreamAnswer } from "../../ports/upstream.js";
import { type Mirror, noMirror } from "../cache/mirror.js";
import type { Replica } from "../consistency/replica.js";
import type { Watcher } from "../consistency/watcher.js";
import type { WriteHold, WriteHolds, WriteOutcome } from "../consistency/write-holds.js";
import type { RequestContext } from "../context.js";
import { readBody } from "../forwarding/body.js";
import { forwardedHeaders, namespacePath } from "../forwarding/forwarding.js";
import { isSuccess, relayAnswer } from "../forwarding/relay.js";
import type { Writes } from "../operations.js";
import { inspectWrite, type WriteInspection } from "./write-inspection.js";

export interface WriteDependencies {
  upstream: Upstream;
  holds: Pick<WriteHolds, "begin">;
  replica: Pick<Replica, "mayStamp" | "readyToStamp">;
  watcher: Pick<Watcher, "noteWritten">;
  /** Keeps the document cache in step; undefined where there is none. */
  mirror?: Mirror | undefined;
  /** Told of every namespace that upstream accepted a write for. */
  onWritten: (namespace: string) => void;
}

export interface WriteOptions {
  /** Deadline of a copy or branch, which may take minutes; other writes have the adapter's. */
  copyTimeoutMs: number;
  /** The largest body upstream takes, stamps included, bytes. */
  bodyBytesMax: number;
}

export function createWrites(dependencies: WriteDependencies, options: WriteOptions): Writes {
  const { upstream, holds, replica, watcher, onWritten, mirror = noMirror } = dependencies;
  const mirrors = mirror !== noMirror;

  /** Sends a write that has its stamp. */
  function send(
    context: RequestContext,
    namespace: string,
    write: WriteInspection,
    hold: WriteHold,
    readsAnswer: boolean,
  ): Promise<UpstreamAnswer> {
    return upstream.send({
      method: "POST",
      path: namespacePath("v2", namespace),
      query: context.rawQuery,
      headers: forwardedHeaders(context),
      body: write.splice.apply(write.bytes, String(hold.stamp)),
      effect: "write",
      ...(readsAnswer ? { answer: "decoded" as const } : {}),
      notes: context.notes,
      // Upstream takes no rows with a copy, and what is stamped has the deadline that other replicas count on.
      timeoutMs: write.copies && !write.stamps ? options.copyTimeoutMs : undefined,
    });
  }

  return {
    writeNamespace: async (context, namespace, body) => {
      const write = readBody(body, (bytes) => inspectWrite(bytes, options.bodyBytesMax, { mirrors }));
      context.reserve?.(write.copyBytesMax);
      if (context.notes !== undefined) context.notes.rows = write.rows;
      const mirrored = await mirror.begin(context, namespace, write);
      if (!replica.mayStamp()) {
        try {
          await replica.readyToStamp();
        } catch (error) {
          await mirrored.settle("refused", 0);
          throw error;
        }
      }
      // No pause between the permission and the stamp, nor between the last permission and the call.
      const hold = holds.begin(namespace, { stamps: !write.copies || write.stamps });
      let answer: UpstreamAnswer;
      try {
        answer = await send(context, namespace, write, hold, mirrored.readsAnswer);
      } catch (error) {
        const outcome = failedOutcome(error);
        hold.settle(outcome);
        await mirrored.settle(outcome, hold.stamp);
        throw error;
      }
      const outcome = outcomeOf(answer);
      hold.settle(outcome);
      if (isSuccess(answer)) {
        watcher.noteWritten(namespace, hold.stamp);
        onWritten(namespace);
      }
      await mirrored.settle(outcome, hold.stamp, answer);
      return relayAnswer(mirrored.shown(answer));
    },
  };
}

/** What an answer says of the write; a server's own failure says nothing. */
function outcomeOf(answer: UpstreamAnswer): WriteOutcome {
  if (isSuccess(answer)) return "applied";
  return answer.status >= 400 && answer.status < 500 ? "refused" : "unknown";
}

/** The port tells a write that may have been processed from one that surely was not. */
function failedOutcome(error: unknown): WriteOutcome {
  return error instanceof AppError && error.code !== "gateway_timeout" ? "refused" : "unknown";
}
