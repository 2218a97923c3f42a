/**
 * The recursive tuples of Turbopuffer's query language. JSON Schema cannot say them, so they are written here and the
 * generated types refer to them. Operators are open: the gateway and Turbopuffer judge them, not the client.
 */

/** Operators known today; any other string is passed on. */
export type FilterOperator =
  | "Eq"
  | "NotEq"
  | "In"
  | "NotIn"
  | "Lt"
  | "Lte"
  | "Gt"
  | "Gte"
  | "AnyLt"
  | "AnyLte"
  | "AnyGt"
  | "AnyGte"
  | "Contains"
  | "NotContains"
  | "ContainsAny"
  | "NotContainsAny"
  | "Glob"
  | "NotGlob"
  | "IGlob"
  | "NotIGlob"
  | "Regex"
  | "Fuzzy"
  | "ContainsAllTokens"
  | "ContainsAnyToken"
  | "ContainsTokenSequence";

/**
 * Keeps the documents that pass: `["price", "Lt", 100]`, combined as `["And", [filter, ...]]`, `["Or", [filter, ...]]` and
 * `["Not", filter]`.
 */
export type Filter =
  | readonly ["And" | "Or", readonly Filter[]]
  | readonly ["Not", Filter]
  | readonly [attribute: string, operator: FilterOperator | (string & {}), value: unknown]
  | readonly [
      attribute: string,
      operator: FilterOperator | (string & {}),
      value: unknown,
      options: Readonly<Record<string, unknown>>,
    ];

/**
 * Ranks documents: `["vector", "ANN", [0.1, 0.2]]`, `["title", "BM25", "trail shoe"]`, `["price", "asc"]`, or scores
 * combined as `["Sum", [expression, ...]]`, `["Max", [expression, ...]]` and `["Product", 2, expression]`. Several orders
 * by attribute stand in one list: `[["price", "asc"], ["id", "asc"]]`.
 */
export type RankBy =
  | readonly [attribute: string, direction: "asc" | "desc"]
  | readonly [attribute: string, operator: "ANN" | "kNN" | "BM25" | (string & {}), operand: unknown]
  | readonly [
      attribute: string,
      operator: string,
      operand: unknown,
      options: Readonly<Record<string, unknown>>,
    ]
  | readonly ["Sum" | "Max", readonly RankExpression[]]
  | readonly [operator: "Product" | "Max", left: RankExpression, right: RankExpression]
  | readonly (readonly [attribute: string, direction: "asc" | "desc"])[];

/** A part of a combined score: a ranking, a filter (1 or 0), a number, or another form that Turbopuffer knows. */
export type RankExpression = RankBy | Filter | number | readonly unknown[];

/** A vector: numbers, a typed array of floats, or base64 of little-endian 32-bit floats. */
export type Vector = readonly number[] | Float32Array | Float64Array | string;
