package hevlayer

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPathArgumentsAreEncodedOnce(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"id":"x","attributes":{}}`})
	client, _ := testClient(t, server.URL)
	for id, want := range map[string]string{
		"a/b":       "a%2Fb",
		"ü":         "%C3%BC",
		"100%":      "100%25",
		"a b?c#d":   "a%20b%3Fc%23d",
		"%2F":       "%252F",
		"..a":       "..a",
		"a/../../b": "a%2F..%2F..%2Fb",
	} {
		if _, err := client.FetchDocument(context.Background(), "products", id, nil); err != nil {
			t.Fatal(err)
		}
		equal(t, id, server.last(t).target, "/v2/namespaces/products/documents/"+want)
	}
}

func TestPathArgumentsThatWouldReachAnotherRouteAreRefusedBeforeSending(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{}`})
	client, _ := testClient(t, server.URL)
	for _, segment := range []string{"", ".", ".."} {
		_, err := client.FetchDocument(context.Background(), segment, "a", nil)
		var refused *ConfigError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "namespace: ") {
			t.Errorf("%q: got %v", segment, err)
		}
		if _, err = client.FetchDocument(context.Background(), "products", segment, nil); !errors.As(err, &refused) {
			t.Errorf("%q: got %v", segment, err)
		}
	}
	equal(t, "requests", len(server.sent()), 0)
}

func TestQueryParametersAreSentAsSet(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"namespaces":[]}`})
	client, _ := testClient(t, server.URL+"/prefix//")
	ctx := context.Background()
	list := func(params *ListNamespacesParams, opts ...RequestOption) string {
		t.Helper()
		if _, err := client.ListNamespaces(ctx, params, opts...); err != nil {
			t.Fatal(err)
		}
		return server.last(t).target
	}
	equal(t, "nothing", list(nil), "/prefix/v2/namespaces")
	equal(t, "zero fields", list(&ListNamespacesParams{}), "/prefix/v2/namespaces")
	equal(t, "set fields", list(&ListNamespacesParams{Prefix: "a +&=", PageSize: 1000}), "/prefix/v2/namespaces?prefix=a%20%2B%26%3D&page_size=1000")
	equal(t, "unknown ones", list(&ListNamespacesParams{Extra: map[string]any{"x": false, "y": ""}}, WithQuery("z", "1")), "/prefix/v2/namespaces?x=false&y=&z=1")

	var params ListNamespacesParams
	if err := json.Unmarshal([]byte(`{"page_size":0,"prefix":"","shadow":false}`), &params); err != nil {
		t.Fatal(err)
	}
	equal(t, "explicit zeros", list(&params), "/prefix/v2/namespaces?page_size=0&prefix=&shadow=false")

	if _, err := client.ListNamespaces(ctx, &ListNamespacesParams{Extra: map[string]any{"x": struct{}{}}}); err == nil ||
		!strings.Contains(err.Error(), "query parameter x: struct {} cannot stand in a query string") {
		t.Errorf("got %v", err)
	}
	if _, err := client.ListNamespaces(ctx, &ListNamespacesParams{Extra: map[string]any{"x": nil}}); err == nil ||
		!strings.Contains(err.Error(), "query parameter x: null cannot stand in a query string") {
		t.Errorf("got %v", err)
	}
}

func TestListsInQueriesJoinWithCommas(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"id":"x","attributes":{}}`})
	client, _ := testClient(t, server.URL)
	for _, c := range []struct {
		attributes []string
		want       string
	}{
		{[]string{"title", "a,b"}, "?include_attributes=title,a%2Cb"},
		{[]string{}, "?include_attributes="},
		{nil, ""},
	} {
		if _, err := client.FetchDocument(context.Background(), "n", "d", &FetchDocumentParams{IncludeAttributes: c.attributes}); err != nil {
			t.Fatal(err)
		}
		equal(t, "target", server.last(t).target, "/v2/namespaces/n/documents/d"+c.want)
	}
}

func TestARequestCarriesTheKeyTheAgentAndNothingUnasked(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"status":"OK"}`})
	client, _ := testClient(t, server.URL, WithHeader("X-One", "1"))
	if _, err := client.DeleteNamespace(context.Background(), "n", WithHeader("X-Two", "2")); err != nil {
		t.Fatal(err)
	}
	sent := server.last(t)
	equal(t, "method", sent.method, "DELETE")
	equal(t, "key", sent.header.Get("Authorization"), "Bearer gateway-key")
	equal(t, "client header", sent.header.Get("X-One"), "1")
	equal(t, "call header", sent.header.Get("X-Two"), "2")
	if agent := sent.header.Get("User-Agent"); !strings.HasPrefix(agent, "hevlayer-go/"+Version+" (go") {
		t.Errorf("agent %q", agent)
	}
	for name := range sent.header {
		switch name {
		case "Authorization", "User-Agent", "Accept", "Accept-Encoding", "X-One", "X-Two":
		default:
			t.Errorf("unasked header %s", name)
		}
	}
	if _, err := client.DeleteNamespace(context.Background(), "n"); err != nil {
		t.Fatal(err)
	}
	equal(t, "a call's header stays with its call", server.last(t).header.Get("X-Two"), "")
}

func TestABodyIsRequiredWhereTheSpecSaysSo(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"avg_recall":1}`})
	client, _ := testClient(t, server.URL)
	var refused *ConfigError
	if _, err := client.QueryNamespace(context.Background(), "n", nil); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	if _, err := client.QueryTurbopufferNamespace(context.Background(), "n", nil); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	equal(t, "requests", len(server.sent()), 0)
	if _, err := client.EvaluateTurbopufferRecall(context.Background(), "n", nil); err != nil {
		t.Fatal(err)
	}
	equal(t, "optional body", server.last(t).body, "")
	equal(t, "content type", server.last(t).header.Get("Content-Type"), "")
	if _, err := client.UpdateTurbopufferNamespaceMetadata(context.Background(), "n", map[string]any{"pinning": nil, "read_only": false}); err != nil {
		t.Fatal(err)
	}
	equal(t, "null and false", server.last(t).body, `{"pinning":null,"read_only":false}`)
}

func TestAPassthroughGivesAnOpenMapWithExactIntegers(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"rows":[{"id":18446744073709551615}],"approx":9007199254740993}`})
	client, _ := testClient(t, server.URL)
	got, err := client.QueryTurbopufferNamespace(context.Background(), "n", map[string]any{"rank_by": Asc("id")})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "target", server.last(t).target, "/v1/namespaces/n/query")
	equal(t, "integer", got["approx"], any(int64(9007199254740993)))
	row := got["rows"].([]any)[0].(map[string]any)
	equal(t, "id", row["id"], any(uint64(18446744073709551615)))
}

func TestHeadersAreLiftedIntoTheResult(t *testing.T) {
	with := reply{status: 200, body: `{"rows":[]}`, header: map[string]string{"x-layer-stable-as-of": "1715600400000"}}
	server := serve(t, with, reply{status: 200, body: `{"rows":[],"stable_as_of":5}`})
	client, _ := testClient(t, server.URL)
	got, err := client.QueryNamespace(context.Background(), "n", &QueryRequest{TopK: 1})
	if err != nil || got.StableAsOf == nil {
		t.Fatalf("got %v, %v", got, err)
	}
	equal(t, "stable as of", *got.StableAsOf, 1715600400000)
	got, err = client.QueryNamespace(context.Background(), "n", &QueryRequest{TopK: 1})
	if err != nil || got.StableAsOf != nil {
		t.Errorf("without the header it is nil, got %v, %v", got, err)
	}
}

func TestPerfMeasuresTheCall(t *testing.T) {
	server := serve(t, reply{status: 503}, reply{status: 200, body: `{"id":"x","attributes":{}}`, header: map[string]string{
		"x-layer-cache": "miss", "x-request-id": "r1", "x-layer-warning": "vector_attribute_dropped, odd",
		"x-layer-stable-as-of": "1747200000000", "x-layer-partial": "true", "x-layer-next-cursor": "c2",
	}})
	client, _ := testClient(t, server.URL)
	got, err := client.FetchDocumentWithPerf(context.Background(), "n", "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "data", got.Data.ID, "x")
	perf := got.Perf
	equal(t, "cache status", perf.CacheStatus, "miss")
	equal(t, "warnings", strings.Join(perf.Warnings, "|"), "vector_attribute_dropped|odd")
	equal(t, "partial", perf.Partial, true)
	equal(t, "next cursor", perf.NextCursor, "c2")
	if perf.StableAsOf == nil || *perf.StableAsOf != 1747200000000 {
		t.Errorf("stable as of %v", perf.StableAsOf)
	}
	equal(t, "fallback", perf.Fallback, "")
	equal(t, "attempts", perf.Attempts, 2)
	equal(t, "status", perf.StatusCode, 200)
	equal(t, "request id", perf.RequestID, "r1")
	equal(t, "received", perf.BytesReceived, 26)
	if perf.LatencyMS <= 0 || perf.FirstByteMS <= 0 || perf.LatencyMS < perf.FirstByteMS+perf.DecodeMS {
		t.Errorf("times %+v", perf)
	}
}

func TestGzipWorksBothWays(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			body, _ = gzip.NewReader(r.Body)
		}
		text, _ := io.ReadAll(body)
		got = string(text)
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		_, _ = packed.Write([]byte(`{"rows":[{"id":1}]}`))
		_ = packed.Close()
	}))
	defer server.Close()
	client, _ := testClient(t, server.URL, WithGzipRequests())
	large := strings.Repeat("shoe ", 1000)
	response, err := client.QueryNamespaceWithPerf(context.Background(), "n", &QueryRequest{RankBy: BM25("title", large)})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", len(response.Data.Rows), 1)
	if !strings.Contains(got, large) {
		t.Error("the body did not arrive whole")
	}
	if response.Perf.BytesSent > 500 {
		t.Errorf("%d bytes sent", response.Perf.BytesSent)
	}
}

func TestRequestReachesRoutesWithoutAMethod(t *testing.T) {
	server := serve(t, reply{status: 200, body: `[1,2]`}, reply{status: 204}, reply{status: 404, body: `{"error":"not_found","message":"no such route"}`})
	client, _ := testClient(t, server.URL)
	got, err := client.Request(context.Background(), "post", "/v2/x%2Fy?a=1", map[string]any{"b": 1}, WithQuery("c", "2"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "target", server.last(t).target, "/v2/x%2Fy?a=1&c=2")
	equal(t, "body", server.last(t).body, `{"b":1}`)
	equal(t, "items", len(got.Data.([]float64)), 2)
	if got, err = client.Request(context.Background(), "DELETE", "/v2/x", nil); err != nil || got.Data != nil {
		t.Errorf("an empty answer is nil, got %v, %v", got, err)
	}
	if _, err = client.Request(context.Background(), "GET", "/v2/x", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for _, path := range []string{"", "v2/x", "/v2/../x", "/v2/%2E%2e/x", "/./x", "/v2/x#part", "/v2/100%"} {
		var refused *ConfigError
		if _, err = client.Request(context.Background(), "GET", path, nil); !errors.As(err, &refused) {
			t.Errorf("%q: got %v", path, err)
		}
	}
}

func TestDerivedClientsShareConnections(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"status":"OK"}`})
	client, _ := testClient(t, server.URL)
	derived := client.WithOptions(WithAPIKey("other-key"), WithHeader("X-One", "1"))
	if derived.common != client.common {
		t.Error("the pool is not shared")
	}
	for _, c := range []*Client{derived, client} {
		if _, err := c.DeleteNamespace(context.Background(), "n"); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "derived key", server.sent()[0].header.Get("Authorization"), "Bearer other-key")
	equal(t, "own key", server.sent()[1].header.Get("Authorization"), "Bearer gateway-key")
	equal(t, "own headers", server.sent()[1].header.Get("X-One"), "")
}

func TestAClientIsSafeForSeveralGoroutines(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"rows":[{"id":1}]}`})
	client, _ := testClient(t, server.URL, WithHeader("X-Client", "1"))
	errs := make(chan error, 16)
	for range cap(errs) {
		go func() {
			_, err := client.QueryNamespace(context.Background(), "n", &QueryRequest{TopK: 1}, WithHeader("X-Call", "1"))
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestAnAnswerMayBeTextOrNothing(t *testing.T) {
	server := serve(t, reply{status: 200, body: "layer_up 1\n"}, reply{status: 204}, reply{status: 200, body: "<ignored>"})
	client, _ := testClient(t, server.URL)
	text := &operation{id: "getMetrics", method: "GET", route: "/metrics", answers: answersText}
	got, err := call[string](context.Background(), client, text, arguments{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "text", got.Data, "layer_up 1\n")
	equal(t, "accept", server.last(t).header.Get("Accept"), "")
	nothing := &operation{id: "deleteThing", method: "DELETE", route: "/v2/things", answers: answersNothing}
	for range 2 {
		if _, err = call[struct{}](context.Background(), client, nothing, arguments{}, nil); err != nil {
			t.Error(err)
		}
	}
}
