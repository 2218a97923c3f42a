package vendor_test

import (
	"sort"
	"strings"
	"testing"

	"github.com/turbopuffer/turbopuffer-go/v2"
)

var filterChecks = []check{
	{"filters", filters},
	{"pattern_filters", patternFilters},
	{"token_filters", tokenFilters},
	{"aggregate", aggregate},
	{"group_by", groupBy},
	{"select_attributes", selectAttributes},
	{"limit_per_group", limitPerGroup},
}

// kept is a filter and the ids it lets through, by id and with spaces between.
type kept struct {
	filter turbopuffer.Filter
	ids    string
}

func (s *server) wantKept(ns namespace, cases []kept) {
	s.t.Helper()
	for _, each := range cases {
		s.t.Logf("filter %s", s.encode(each.filter))
		s.wantIDs(s.query(ns, byID(each.filter)).Rows, strings.Fields(each.ids)...)
	}
}

func filters(_ *testing.T, s *server) {
	ns := s.namespace("")
	s.write(ns, turbopuffer.NamespaceWriteParams{UpsertRows: rows{
		{"id": 1, "n": 1, "s": "a", "tags": []string{"x", "y"}},
		{"id": 2, "n": 2, "s": "b", "tags": []string{"y"}},
		{"id": 3, "n": 3, "tags": []string{}},
		{"id": 4, "s": "B", "tags": nil},
	}})
	isA := turbopuffer.NewFilterEq("s", "a")
	s.wantKept(ns, []kept{
		{turbopuffer.NewFilterGt("n", 1), "2 3"},
		{turbopuffer.NewFilterLt("n", 2), "1 4"},
		{turbopuffer.NewFilterGte("n", 2), "2 3"},
		{turbopuffer.NewFilterLte("n", 1), "1 4"},
		{turbopuffer.NewFilterEq("n", nil), "4"},
		{turbopuffer.NewFilterNotEq("n", nil), "1 2 3"},
		{turbopuffer.NewFilterNotEq("n", 2), "1 3 4"},
		{turbopuffer.NewFilterIn("n", []int{1, 3}), "1 3"},
		{turbopuffer.NewFilterNotIn("n", []int{1, 3}), "2 4"},
		{turbopuffer.NewFilterContains("tags", "y"), "1 2"},
		{turbopuffer.NewFilterNotContains("tags", "y"), "3 4"},
		{turbopuffer.NewFilterContainsAny("tags", []string{"x", "z"}), "1"},
		{turbopuffer.NewFilterNotContainsAny("tags", []string{"x", "z"}), "2 3 4"},
		{turbopuffer.NewFilterAnyGt("tags", "x"), "1 2"},
		{turbopuffer.NewFilterNot(isA), "2 3 4"},
		{turbopuffer.NewFilterAnd([]turbopuffer.Filter{
			turbopuffer.NewFilterGte("n", 1),
			turbopuffer.NewFilterOr([]turbopuffer.Filter{isA, turbopuffer.NewFilterNot(turbopuffer.NewFilterLt("n", 3))}),
		}), "1 3"},
	})
}

func patternFilters(_ *testing.T, s *server) {
	ns := s.namespace("")
	yes := turbopuffer.Bool(true)
	s.write(ns, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{{"id": 1, "s": "alpha"}, {"id": 2, "s": "Beta"}, {"id": 3, "s": "walrus den"}, {"id": 4, "s": "delta"}},
		Schema:     schema{"s": {Type: "string", Filterable: yes, Glob: yes, Regex: yes, Fuzzy: yes}},
	})
	near := turbopuffer.FuzzyParams{
		MaxEditDistance: []turbopuffer.FuzzyMaxEditDistanceParam{{MinQueryChars: 6, Distance: 1}},
	}
	s.wantKept(ns, []kept{
		{turbopuffer.NewFilterGlob("s", "*a"), "1 2 4"},
		{turbopuffer.NewFilterNotGlob("s", "*ta"), "1 3"},
		{turbopuffer.NewFilterIGlob("s", "b*"), "2"},
		{turbopuffer.NewFilterNotIGlob("s", "b*"), "1 3 4"},
		{turbopuffer.NewFilterRegex("s", "^(alpha|delta)$"), "1 4"},
		{turbopuffer.NewFilterFuzzy("s", "walruss", near), "3"},
	})
}

func tokenFilters(_ *testing.T, s *server) {
	ns := s.namespace("")
	s.write(ns, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{
			{"id": 1, "text": "marine mammals of the arctic"},
			{"id": 2, "text": "mammals on land"},
			{"id": 3, "text": "arctic marine birds"},
		},
		Schema: schema{"text": textSearch()},
	})
	last := turbopuffer.ContainsAllTokensFilterParams{LastAsPrefix: turbopuffer.Bool(true)}
	s.wantKept(ns, []kept{
		{turbopuffer.NewFilterContainsAllTokens("text", "mammals marine"), "1"},
		{turbopuffer.NewFilterContainsAllTokens("text", "marine mammals whale"), ""},
		{turbopuffer.NewFilterContainsAllTokensWithParams("text", "arctic mar", last), "1 3"},
		{turbopuffer.NewFilterContainsAnyToken("text", "land birds"), "2 3"},
		{turbopuffer.NewFilterContainsTokenSequence("text", "marine mammals"), "1"},
		{turbopuffer.NewFilterContainsTokenSequence("text", "mammals marine"), ""},
	})
}

func colours(s *server) namespace {
	s.t.Helper()
	ns := s.namespace("")
	s.write(ns, turbopuffer.NamespaceWriteParams{UpsertRows: rows{
		{"id": 1, "colour": "blue", "n": 2, "tags": []string{"x", "y"}},
		{"id": 2, "colour": "red", "n": 3, "tags": []string{"y", "y"}},
		{"id": 3, "colour": "blue", "n": 5, "tags": []string{}},
		{"id": 4, "colour": "red", "tags": []string{"x"}},
	}})
	return ns
}

func aggregate(_ *testing.T, s *server) {
	ns := colours(s)
	total := turbopuffer.NewAggregateBySum("n")
	all := s.query(ns, turbopuffer.NamespaceQueryParams{
		AggregateBy: map[string]turbopuffer.AggregateBy{"count": turbopuffer.NewAggregateByCount(), "total": total},
	})
	s.wantJSON(all.Aggregations, `{"count":4,"total":10}`)
	s.wantEqual(all.JSON.Rows.Valid(), false)
	none := s.query(ns, turbopuffer.NamespaceQueryParams{
		AggregateBy: map[string]turbopuffer.AggregateBy{"total": total},
		Filters:     turbopuffer.NewFilterGt("n", 100),
	})
	s.wantJSON(none.Aggregations, `{"total":0}`)
}

func groupBy(_ *testing.T, s *server) {
	ns := colours(s)
	params := turbopuffer.NamespaceQueryParams{
		AggregateBy: map[string]turbopuffer.AggregateBy{"count": turbopuffer.NewAggregateByCount()},
		GroupBy:     []turbopuffer.GroupBy{turbopuffer.NewGroupByAttr("colour")},
		TopK:        turbopuffer.Int(10),
	}
	s.wantJSON(s.query(ns, params).AggregationGroups, `[{"colour":"blue","count":2},{"colour":"red","count":2}]`)
	each := turbopuffer.NewGroupByExpr("tag", turbopuffer.NewGroupByFunctionForEachUnique("tags"))
	params.GroupBy = []turbopuffer.GroupBy{each}
	params.Filters = turbopuffer.NewFilterContainsAny("tags", []string{"x", "y"})
	s.wantJSON(s.query(ns, params).AggregationGroups, `[{"tag":"x","count":2},{"tag":"y","count":2}]`)
}

func selectAttributes(_ *testing.T, s *server) {
	ns := s.namespace("")
	s.write(ns, turbopuffer.NamespaceWriteParams{
		UpsertRows:     rows{{"id": 1, "vector": []float32{1, 2}, "a": 1, "b": "two"}},
		DistanceMetric: turbopuffer.DistanceMetricCosineDistance,
	})
	wantKeys := func(include turbopuffer.IncludeAttributesParam, exclude []string, want ...string) {
		s.t.Helper()
		params := byID(nil)
		params.IncludeAttributes, params.ExcludeAttributes = include, exclude
		keys := []string{}
		for key := range s.query(ns, params).Rows[0] {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		s.wantEqual(keys, want)
	}
	stamped := []string{}
	if s.gateway {
		stamped = append(stamped, stamp)
	}
	wantKeys(turbopuffer.IncludeAttributesParam{}, nil, "id")
	wantKeys(turbopuffer.IncludeAttributesParam{Bool: turbopuffer.Bool(false)}, nil, "id")
	wantKeys(turbopuffer.IncludeAttributesParam{StringArray: []string{"b"}}, nil, "b", "id")
	all := turbopuffer.IncludeAttributesParam{Bool: turbopuffer.Bool(true)}
	wantKeys(all, nil, append(stamped, "a", "b", "id", "vector")...)
	wantKeys(turbopuffer.IncludeAttributesParam{}, []string{"vector", "a"}, append(stamped, "b", "id")...)
}

func limitPerGroup(_ *testing.T, s *server) {
	params := byID(nil)
	params.Limit = turbopuffer.LimitParam{
		Total: 3,
		Per:   turbopuffer.LimitPerParam{Attributes: []string{"colour"}, Limit: 1},
	}
	s.wantIDs(s.query(colours(s), params).Rows, "1", "2")
}
