/** Which attributes a fetch shows: all user attributes, or exactly those named, vectors never. */

import { isUserAttribute, isVectorAttribute } from "../reserved.js";

export interface AttributeSelection {
  shows(attribute: string): boolean;
  /** A vector was named and is left out all the same. */
  vectorDropped: boolean;
}

/** @param names attributes the caller listed; undefined when it listed none */
export function selectAttributes(names: readonly string[] | undefined): AttributeSelection {
  if (names === undefined) return { shows: isUserAttribute, vectorDropped: false };
  const named = new Set(names);
  return {
    shows: (attribute) => named.has(attribute) && !isVectorAttribute(attribute),
    vectorDropped: names.some(isVectorAttribute),
  };
}
