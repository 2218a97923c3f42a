/**
 * Names the gateway owns inside users' namespaces. Whoever needs to know whether a name is ours asks here.
 */

/** Epoch-ms of the request that wrote the row; on every row written through the gateway. */
export const stampAttribute = "_hevlayer_upserted_at";

/** Upstream type of the stamp, declared wherever a caller declares a schema. */
export const stampType = "int";

/** Attribute names that begin so are ours. */
export const reservedPrefix = "_hevlayer_";

/** Ids that begin so are ours. */
export const reservedIdPrefix = "_hevlayer:";

export function isReservedAttribute(name: string): boolean {
  return name.startsWith(reservedPrefix);
}

export function isReservedId(id: string): boolean {
  return id.startsWith(reservedIdPrefix);
}

/** Vectors never appear among a fetched document's attributes. */
export function isVectorAttribute(name: string): boolean {
  return name === "vector" || name === "vectors";
}

/** Whether an attribute may be shown to a caller who did not name it. */
export function isUserAttribute(name: string): boolean {
  return !isReservedAttribute(name) && !isVectorAttribute(name);
}
