/** The types by which mirrored rows are judged: those upstream has after a write, remembered with the epoch they hold under. */

import type { Clock } from "../../clock.js";
import { AppError } from "../../errors.js";
import { BoundedCache } from "../bounded-cache.js";
import type { RequestContext } from "../context.js";
import type { IdTypes, NamespaceTypes } from "../documents/id-types.js";
import type { WriteOutline } from "./write-outline.js";

/** Types of a namespace, and the epoch under which they hold. */
export interface TypesUnderEpoch {
  readonly epoch: string;
  readonly types: NamespaceTypes;
}

export interface MirroredTypes {
  /** What was known last, of whichever epoch. */
  last(namespace: string): TypesUnderEpoch | undefined;
  /** The types under which the rows of an applied write stand; undefined when upstream does not tell. */
  after(
    context: RequestContext,
    namespace: string,
    epoch: string,
    outline: WriteOutline,
  ): Promise<NamespaceTypes | undefined>;
  forget(namespace: string): void;
}

const NAMESPACES_MAX = 10_000;

export function createMirroredTypes({ idTypes, clock }: { idTypes: IdTypes; clock: Clock }): MirroredTypes {
  // Under one epoch attributes are only added, and names that are not known make for a new look.
  const known = new BoundedCache<TypesUnderEpoch>(clock, {
    ttlMs: Number.MAX_SAFE_INTEGER,
    entriesMax: NAMESPACES_MAX,
  });

  return {
    last: (namespace) => known.get(namespace),

    async after(context, namespace, epoch, outline) {
      const last = known.get(namespace);
      const isEnough =
        last?.epoch === epoch && !outline.hasManyNames && [...outline.names].every(isDeclared(last.types));
      if (isEnough) return last.types;
      try {
        const types = await idTypes.readAfresh(context, namespace);
        if (types.id === "unknown") return undefined;
        known.set(namespace, { epoch, types });
        return types;
      } catch (error) {
        if (error instanceof AppError) return undefined;
        throw error;
      }
    },

    forget(namespace) {
      known.delete(namespace);
      idTypes.forget(namespace);
    },
  };
}

function isDeclared({ attributes, vector }: NamespaceTypes): (name: string) => boolean {
  return (name) =>
    attributes.has(name) ||
    name === "id" ||
    name === "vectors" ||
    (name === "vector" && vector !== undefined);
}
