package hevlayer

import (
	"context"
	"errors"
	"testing"
)

func TestOperationsOnOneRouteSendTheirMarker(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"status":"OK","message":"m","rows_affected":0,"results":[]}`})
	client, _ := testClient(t, server.URL)
	ctx := context.Background()
	check := func(err error, target, body string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		sent := server.last(t)
		equal(t, "target", sent.target, target)
		equal(t, "body", sent.body, body)
	}
	_, err := client.CopyNamespace(ctx, "p", &CopyNamespaceRequest{CopyFromNamespace: CopyFromNamespace{SourceNamespace: "a", SourceRegion: "r"}})
	check(err, "/v2/namespaces/p?stainless_overload=copyFrom", `{"copy_from_namespace":{"source_namespace":"a","source_region":"r"}}`)
	_, err = client.CopyNamespace(ctx, "p", &CopyNamespaceRequest{CopyFromNamespace: "a"})
	check(err, "/v2/namespaces/p?stainless_overload=copyFrom", `{"copy_from_namespace":"a"}`)
	_, err = client.BranchNamespace(ctx, "p", &BranchNamespaceRequest{BranchFromNamespace: &BranchFromNamespace{SourceNamespace: "a"}}, WithQuery("x", "0"))
	check(err, "/v2/namespaces/p?stainless_overload=branchFrom&x=0", `{"branch_from_namespace":{"source_namespace":"a"}}`)
	_, err = client.BatchQueryNamespace(ctx, "p", &BatchQueryRequest{Queries: []QueryRequest{{RankBy: Asc("id"), TopK: 1}}})
	check(err, "/v2/namespaces/p/query?stainless_overload=multiQuery", `{"queries":[{"rank_by":["id","asc"],"top_k":1}]}`)
	_, err = client.WriteNamespace(ctx, "p", &WriteRequest{CopyFromNamespace: "a"})
	check(err, "/v2/namespaces/p", `{"copy_from_namespace":"a"}`)
}

func TestSeveralQueriesThatAreAllTurbopuffersOwnGoThereUnchanged(t *testing.T) {
	client, _, direct, _ := pair(t, closedURL(t), reply{status: 200, body: `{"results":[{"rows":[{"id":18446744073709551615}]}]}`})
	got, err := client.BatchQueryNamespaceWithPerf(context.Background(), "p", &BatchQueryRequest{
		Queries:  []QueryRequest{{RankBy: ANN("vector", []float32{1}), TopK: 1}, {AggregateBy: map[string][]any{"n": {"Count"}}}},
		RerankBy: []any{"RRF"},
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "fallback", got.Perf.Fallback, "turbopuffer_direct")
	equal(t, "stable as of", got.Data.StableAsOf == nil, true)
	sent := direct.last(t)
	equal(t, "target", sent.target, "/v2/namespaces/p/query?stainless_overload=multiQuery")
	equal(t, "body", sent.body, `{"queries":[{"rank_by":["vector","ANN",[1]],"top_k":1},{"aggregate_by":{"n":["Count"]}}],"rerank_by":["RRF"]}`)
}

func TestSeveralQueriesWithAnythingOfLayersStayWithTheGateway(t *testing.T) {
	client, _, direct, _ := pair(t, closedURL(t), reply{status: 200, body: `{"results":[]}`})
	native := QueryRequest{RankBy: Asc("id"), TopK: 1}
	of := func(extra map[string]any, queries ...QueryRequest) *BatchQueryRequest {
		return &BatchQueryRequest{Queries: queries, Extra: extra}
	}
	for name, body := range map[string]*BatchQueryRequest{
		"a vector":               of(nil, native, QueryRequest{Vector: []float32{1}}),
		"ids":                    of(nil, QueryRequest{Extra: map[string]any{"nearest_to_id": []string{"a"}}}),
		"a time in a query":      of(nil, QueryRequest{RankBy: Asc("id"), Extra: map[string]any{"as_of": 1}}),
		"a time for all":         of(map[string]any{"as_of": 1}, native),
		"a window":               of(map[string]any{"between": []int{1, 2}}, native),
		"a cursor":               of(map[string]any{"cursor": "c"}, native),
		"a ranking of Layer's":   of(nil, QueryRequest{RankBy: []any{"title", "HybridText", "x"}}),
		"another one of Layer's": of(nil, native, QueryRequest{RankBy: []any{"title", "Auto", "x"}}),
	} {
		_, err := client.BatchQueryNamespace(context.Background(), "p", body)
		var connection *APIConnectionError
		if !errors.As(err, &connection) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	equal(t, "direct requests", len(direct.sent()), 0)
}
