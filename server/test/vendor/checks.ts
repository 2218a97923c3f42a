/**
 * What every one of the vendor's clients is put through, by name.
 *
 * The three programs (TypeScript here, Python and Go in their folders) each define a check under every one of these names,
 * and the driver compares the lists: a check that one language forgot is a failure, not a gap.
 */

export const CHECK_NAMES = [
  "write_rows",
  "write_columns",
  "replace_and_patch",
  "delete_by_id",
  "delete_by_filter",
  "patch_by_filter",
  "conditional_write",
  "affected_ids",
  "reserved_attribute",

  "query_by_vector",
  "query_exact_neighbours",
  "query_by_text",
  "combine_text_scores",
  "multi_query",
  "fuse_queries",
  "order_by",
  "filters",
  "pattern_filters",
  "token_filters",
  "aggregate",
  "group_by",
  "select_attributes",
  "limit_per_group",

  "big_ids",
  "uuid_ids",
  "datetimes",
  "base64_vectors",
  "compression",
  "region_in_path",

  "read_schema",
  "update_schema",
  "read_metadata",
  "update_metadata",
  "list_pages",
  "copy",
  "branch",
  "recall",
  "warm_hint",
  "explain",
  "delete_namespace",

  "error_bad_request",
  "error_unauthorized",
  "error_not_found",
  "error_unprocessable",
] as const;

export type CheckName = (typeof CHECK_NAMES)[number];

/**
 * Who answers: the engine itself, or the gateway in front of it. Both have to pass every check; a few know that the gateway
 * adds its write stamp to the stored attributes and a `layer` block to metadata, owns names beginning `_hevlayer_`, takes a
 * repeated delete for done, and has no routes under a region.
 */
export const TARGETS = ["engine", "gateway"] as const;

export type Target = (typeof TARGETS)[number];
