package hevlayer

// Filter is a Turbopuffer filter: []any{attribute, operator, value}, or []any{"And", []any{filter, ...}} and its kin. The
// functions below build the common ones; any other is written out as a slice, and the server judges it.
type Filter = any

// RankBy is a Turbopuffer rank expression: []any{attribute, "ANN", vector}, []any{attribute, "BM25", text},
// []any{attribute, "asc"}, []any{"Sum", []any{expression, ...}} and its kin.
type RankBy = any

// Eq keeps documents whose attribute equals value; nil keeps those where it is missing or null.
func Eq(attribute string, value any) Filter { return []any{attribute, "Eq", value} }

// NotEq keeps what Eq does not, documents without the attribute included.
func NotEq(attribute string, value any) Filter { return []any{attribute, "NotEq", value} }

// In keeps documents whose attribute equals one of values, a slice.
func In(attribute string, values any) Filter { return []any{attribute, "In", values} }

// NotIn keeps what In does not.
func NotIn(attribute string, values any) Filter { return []any{attribute, "NotIn", values} }

// Lt keeps documents whose attribute is less than value, and those where it is missing or null.
func Lt(attribute string, value any) Filter { return []any{attribute, "Lt", value} }

// Lte keeps documents whose attribute is at most value, and those where it is missing or null.
func Lte(attribute string, value any) Filter { return []any{attribute, "Lte", value} }

// Gt keeps documents whose attribute is greater than value.
func Gt(attribute string, value any) Filter { return []any{attribute, "Gt", value} }

// Gte keeps documents whose attribute is at least value.
func Gte(attribute string, value any) Filter { return []any{attribute, "Gte", value} }

// Contains keeps documents whose array attribute has the element value.
func Contains(attribute string, value any) Filter { return []any{attribute, "Contains", value} }

// NotContains keeps what Contains does not.
func NotContains(attribute string, value any) Filter { return []any{attribute, "NotContains", value} }

// ContainsAny keeps documents whose array attribute has one of values, a slice.
func ContainsAny(attribute string, values any) Filter { return []any{attribute, "ContainsAny", values} }

// NotContainsAny keeps what ContainsAny does not.
func NotContainsAny(attribute string, values any) Filter {
	return []any{attribute, "NotContainsAny", values}
}

// Glob keeps documents whose attribute matches pattern as a whole: ?, *, [ab], [!ab], {a,b}; * also crosses slashes.
func Glob(attribute, pattern string) Filter { return []any{attribute, "Glob", pattern} }

// NotGlob keeps what Glob does not.
func NotGlob(attribute, pattern string) Filter { return []any{attribute, "NotGlob", pattern} }

// IGlob is Glob without regard to case.
func IGlob(attribute, pattern string) Filter { return []any{attribute, "IGlob", pattern} }

// NotIGlob keeps what IGlob does not.
func NotIGlob(attribute, pattern string) Filter { return []any{attribute, "NotIGlob", pattern} }

// Regex keeps documents where the regular expression is found; the attribute's schema must allow it.
func Regex(attribute, pattern string) Filter { return []any{attribute, "Regex", pattern} }

// ContainsAllTokens keeps documents whose full-text attribute has every token of text, in any order.
func ContainsAllTokens(attribute, text string) Filter {
	return []any{attribute, "ContainsAllTokens", text}
}

// ContainsAnyToken keeps documents whose full-text attribute has at least one token of text.
func ContainsAnyToken(attribute, text string) Filter {
	return []any{attribute, "ContainsAnyToken", text}
}

// ContainsTokenSequence keeps documents whose full-text attribute has the tokens of text next to each other, in order.
func ContainsTokenSequence(attribute, text string) Filter {
	return []any{attribute, "ContainsTokenSequence", text}
}

// And keeps documents that every filter keeps.
func And(filters ...Filter) Filter { return []any{"And", listOf(filters)} }

// Or keeps documents that at least one filter keeps.
func Or(filters ...Filter) Filter { return []any{"Or", listOf(filters)} }

// Not keeps documents that the filter does not.
func Not(filter Filter) Filter { return []any{"Not", filter} }

// ANN ranks by approximate distance to vector ([]float32, []float64 or base64), nearest first.
func ANN(attribute string, vector any) RankBy { return []any{attribute, "ANN", vector} }

// KNN ranks by exact distance to vector, nearest first. Turbopuffer requires a filter beside it.
func KNN(attribute string, vector any) RankBy { return []any{attribute, "kNN", vector} }

// BM25 ranks by full-text relevance, best first. Documents without any word of text are left out.
func BM25(attribute, text string) RankBy { return []any{attribute, "BM25", text} }

// Asc orders by an attribute, smallest first; documents without it come first.
func Asc(attribute string) RankBy { return []any{attribute, "asc"} }

// Desc orders by an attribute, largest first; documents without it come last.
func Desc(attribute string) RankBy { return []any{attribute, "desc"} }

// Sum ranks by the sum of several scores.
func Sum(expressions ...RankBy) RankBy { return []any{"Sum", listOf(expressions)} }

// Max ranks by the largest of several scores.
func Max(expressions ...RankBy) RankBy { return []any{"Max", listOf(expressions)} }

// Product ranks by a score times weight, which must not be negative.
func Product(weight float64, expression RankBy) RankBy { return []any{"Product", weight, expression} }

// listOf keeps an empty list an empty list: nil would be sent as null.
func listOf(items []any) []any { return append([]any{}, items...) }
