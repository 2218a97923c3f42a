/** The wire's documented limits, each with its unit. A value over one of them is refused with 400. */
export const LIMITS = {
  namespaceNameChars: 128,
  attributeNameBytes: 128,
  attributesPerNamespace: 1_024,
  /** Chosen here: what the maps from ids to documents hold with room to spare. */
  documentsPerNamespace: 15_000_000,
  /** Chosen here: documents that one write may upsert, patch or delete by id. */
  documentsPerWrite: 5_000_000,
  /** Chosen here: values of one list of a filter. */
  filterValues: 5_000_000,
  idBytes: 64,
  attributeValueBytes: 8 * 1024 * 1024,
  filterableValueBytes: 4 * 1024,
  documentBytes: 64 * 1024 * 1024,
  denseDimensions: 10_752,
  sparseEntries: 1_024,
  vectorColumns: 2,
  resultRows: 10_000,
  aggregationGroups: 10_000,
  fullTextQueryChars: 1_024,
  subQueries: 16,
  /** Of one namespace; a kNN takes 2 and an aggregation 4. */
  queryPermits: 16,
  listPageRows: 1_000,
  exportPageRows: 10_000,
  /** Chosen here: logical bytes from which a page of the export ends early. */
  exportPageBytes: 32 * 1024 * 1024,
  recallSamples: 200,
  /** Chosen here: a pattern becomes an automaton of about this many states, and matching costs text × states. */
  patternChars: 1_024,
  /** Chosen here: objects and lists of one body; many more than the rows that can be written within a client's time-out. */
  bodyContainers: 4_000_000,
  /** Chosen here: nesting of objects and lists of a body. */
  bodyDepth: 512,
  /** Chosen here: logical bytes of all rows of one answer. Printed as JSON they stay below the longest text V8 can make. */
  answerBytes: 128 * 1024 * 1024,
  /** Chosen here: clauses of a request times the documents each may have to be asked about, judged before it runs. */
  work: 500_000_000,
  /** Chosen here: lists in the expressions of a request, of which each clause is one. */
  clauses: 50_000,
  /** Chosen here: keys and totals of all groups of a query, before its limit cuts them. */
  groupValues: 2_000_000,
  /** Chosen here: combinations of array elements that a query's groups are made of, over all documents. */
  groupCombinations: 50_000_000,
  /** Chosen here: nesting of filters and rank expressions, so that recursion cannot exhaust the stack. */
  expressionDepth: 64,
} as const;

/** Limits that tests shrink; the defaults are the wire's. */
export interface AdjustableLimits {
  /** Rows one `delete_by_filter` may remove. */
  deleteByFilterRows: number;
  /** Rows one `patch_by_filter` may change. */
  patchByFilterRows: number;
  /** What one request may take, in steps of about ten nanoseconds. */
  steps: number;
}

export const DEFAULT_ADJUSTABLE_LIMITS: AdjustableLimits = {
  deleteByFilterRows: 5_000_000,
  patchByFilterRows: 50_000,
  /** Chosen: some seconds. */
  steps: 300_000_000,
};
