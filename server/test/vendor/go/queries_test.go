package vendor_test

import (
	"testing"

	"github.com/turbopuffer/turbopuffer-go/v2"
)

var queryChecks = []check{
	{"query_by_vector", queryByVector},
	{"query_exact_neighbours", queryExactNeighbours},
	{"query_by_text", queryByText},
	{"combine_text_scores", combineTextScores},
	{"multi_query", multiQuery},
	{"fuse_queries", fuseQueries},
	{"order_by", orderBy},
}

// foxes writes three short texts, each with a vector and a kind.
func foxes(s *server) namespace {
	s.t.Helper()
	both := s.namespace("")
	s.write(both, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{
			{"id": 1, "vector": []float32{0, 0}, "kind": "fox", "text": "red fox"},
			{"id": 2, "vector": []float32{1, 0}, "kind": "fox", "text": "red fox red fox"},
			{"id": 3, "vector": []float32{2, 0}, "kind": "bird", "text": "blue bird sings"},
		},
		DistanceMetric: turbopuffer.DistanceMetricEuclideanSquared,
		Schema:         schema{"text": textSearch()},
	})
	return both
}

func queryByVector(t *testing.T, s *server) {
	points := s.namespace("")
	s.write(points, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{
			{"id": 1, "vector": []float32{1, 2}, "kind": "a"},
			{"id": 2, "vector": []float32{3, 4}, "kind": "b"},
		},
		DistanceMetric: turbopuffer.DistanceMetricCosineDistance,
	})
	params := turbopuffer.NamespaceQueryParams{
		RankBy:            turbopuffer.NewRankByAnn("vector", []float32{1, 1}),
		TopK:              turbopuffer.Int(2),
		IncludeAttributes: turbopuffer.IncludeAttributesParam{StringArray: []string{"kind"}},
	}
	near := s.query(points, params)
	s.wantIDs(near.Rows, "2", "1")
	s.wantDistances(near.Rows, 0.010051, 0.051317)
	s.wantEqual(near.Rows[0]["kind"], "b")
	s.wantEqual(near.Performance.ApproxNamespaceSize, int64(2))
	if near.Billing.BillableLogicalBytesQueried <= 0 {
		t.Fatalf("nothing was billed: %s", near.RawJSON())
	}
	params.Filters = turbopuffer.NewFilterEq("kind", "a")
	s.wantIDs(s.query(points, params).Rows, "1")
}

func queryExactNeighbours(_ *testing.T, s *server) {
	points := s.namespace("")
	s.write(points, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{
			{"id": 0, "vector": []float32{0, 0}},
			{"id": 1, "vector": []float32{0.1, 0.1}},
			{"id": 2, "vector": []float32{0.2, 0.2}},
			{"id": 3, "vector": []float32{0.4, 0.4}},
		},
		DistanceMetric: turbopuffer.DistanceMetricEuclideanSquared,
	})
	params := turbopuffer.NamespaceQueryParams{
		RankBy:  turbopuffer.NewRankByKnn("vector", []float32{0, 0}),
		Filters: turbopuffer.NewFilterGte("id", 0),
	}
	exact := s.query(points, params)
	s.wantIDs(exact.Rows, "0", "1", "2", "3")
	s.wantDistances(exact.Rows, 0, 0.02, 0.08, 0.32)
	params.Filters = turbopuffer.NewFilterIn("id", []int{0, 2})
	s.wantIDs(s.query(points, params).Rows, "0", "2")
}

func queryByText(_ *testing.T, s *server) {
	texts := foxes(s)
	ask := func(rank turbopuffer.RankBy) []turbopuffer.Row {
		return s.query(texts, turbopuffer.NamespaceQueryParams{RankBy: rank}).Rows
	}
	red := ask(turbopuffer.NewRankByTextBM25("text", "red"))
	s.wantIDs(red, "2", "1")
	s.wantDistances(red, 0.590862, 0.544215)
	s.wantIDs(ask(turbopuffer.NewRankByTextBM25("text", "zebra")))
	last := turbopuffer.Bm25ClauseParams{LastAsPrefix: turbopuffer.Bool(true)}
	prefix := ask(turbopuffer.NewRankByTextBM25WithParams("text", "bir", last))
	s.wantIDs(prefix, "3")
	s.wantDistances(prefix, 1)
}

func combineTextScores(_ *testing.T, s *server) {
	texts := foxes(s)
	total := s.query(texts, turbopuffer.NamespaceQueryParams{
		RankBy: turbopuffer.NewRankByTextSum([]turbopuffer.RankByText{
			turbopuffer.NewRankByTextBM25("text", "red"),
			turbopuffer.NewRankByTextProduct(2, turbopuffer.NewRankByTextBM25("text", "blue")),
		}),
	}).Rows
	s.wantIDs(total, "3", "2", "1")
	s.wantDistances(total, 2*0.980829, 0.590862, 0.544215)
	boosted := s.query(texts, turbopuffer.NamespaceQueryParams{
		RankBy: turbopuffer.NewRankByTextProduct(2, turbopuffer.NewFilterEq("kind", "bird")),
	}).Rows
	s.wantIDs(boosted, "3")
	s.wantDistances(boosted, 2)
}

func multiQuery(t *testing.T, s *server) {
	both := foxes(s)
	answer, err := both.MultiQuery(s.ctx, turbopuffer.NamespaceMultiQueryParams{
		Queries: []turbopuffer.NamespaceMultiQueryParamsQuery{
			{RankBy: turbopuffer.NewRankByAnn("vector", []float32{0, 0}), TopK: turbopuffer.Int(2)},
			{
				RankBy:            turbopuffer.NewRankByTextBM25("text", "blue"),
				TopK:              turbopuffer.Int(2),
				IncludeAttributes: turbopuffer.IncludeAttributesParam{StringArray: []string{"text"}},
			},
			{AggregateBy: map[string]any{"n": turbopuffer.NewAggregateByCount()}},
		},
	})
	s.must(err)
	s.wantEqual(len(answer.Results), 3)
	s.wantIDs(answer.Results[0].Rows, "1", "2")
	s.wantIDs(answer.Results[1].Rows, "3")
	s.wantEqual(answer.Results[1].Rows[0]["text"], "blue bird sings")
	s.wantJSON(answer.Results[2].Aggregations, `{"n":3}`)
	s.wantEqual(answer.Performance.ApproxNamespaceSize, int64(3))
	if answer.Billing.BillableLogicalBytesQueried <= 0 {
		t.Fatalf("nothing was billed: %s", answer.RawJSON())
	}
}

func fuseQueries(_ *testing.T, s *server) {
	both := foxes(s)
	fused, err := both.MultiQuery(s.ctx, turbopuffer.NamespaceMultiQueryParams{
		Queries: []turbopuffer.NamespaceMultiQueryParamsQuery{
			{RankBy: turbopuffer.NewRankByAnn("vector", []float32{0, 0}), TopK: turbopuffer.Int(2)},
			{RankBy: turbopuffer.NewRankByTextBM25("text", "fox"), TopK: turbopuffer.Int(1)},
		},
		RerankBy: turbopuffer.NewRerankByRrfWithParams(turbopuffer.RrfParams{RankConstant: turbopuffer.Int(10)}),
	})
	s.must(err)
	s.wantEqual(len(fused.Results), 1)
	s.wantIDs(fused.Results[0].Rows, "2", "1")
	s.wantDistances(fused.Results[0].Rows, 1.0/12+1.0/11, 1.0/11)
}

// orderBy knows one attribute only: this client has no way to say several.
func orderBy(_ *testing.T, s *server) {
	stock := s.namespace("")
	s.write(stock, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{{"id": 1, "a": "5"}, {"id": 2, "a": "4"}, {"id": 3, "b": 1}, {"id": 4, "a": "1"}},
	})
	ask := func(attribute string, order turbopuffer.RankByAttributeOrder, filter turbopuffer.Filter) []turbopuffer.Row {
		return s.query(stock, turbopuffer.NamespaceQueryParams{
			RankBy:  turbopuffer.NewRankByAttribute(attribute, order),
			Filters: filter,
		}).Rows
	}
	s.wantJSON(ask("a", turbopuffer.RankByAttributeOrderAsc, nil), `[{"id":3},{"id":4},{"id":2},{"id":1}]`)
	s.wantIDs(ask("a", turbopuffer.RankByAttributeOrderDesc, nil), "1", "2", "4", "3")
	s.wantIDs(ask("id", turbopuffer.RankByAttributeOrderAsc, turbopuffer.NewFilterGt("id", 2)), "3", "4")
}
