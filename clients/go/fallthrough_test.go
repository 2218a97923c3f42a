package hevlayer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
)

// pair is a client whose gateway is at one address and whose Turbopuffer is a scripted server.
func pair(t *testing.T, gateway string, replies ...reply) (*Client, *fakeClock, *faultServer, *bytes.Buffer) {
	t.Helper()
	direct := serve(t, replies...)
	var logged bytes.Buffer
	client, clock := testClient(t, gateway, WithTurbopufferAPIKey("direct-key"), WithTurbopufferBaseURL(direct.URL),
		WithLogger(slog.New(slog.NewTextHandler(&logged, nil))), WithHeader("X-Hevlayer-Tags", "a"), WithHeader("X-Own", "1"))
	return client, clock, direct, &logged
}

func TestAnUnreachableGatewayIsPassedAtOnceAndRemembered(t *testing.T) {
	client, clock, direct, logged := pair(t, closedURL(t), reply{status: 200, body: okStatus})
	got, err := client.WriteNamespaceWithPerf(context.Background(), "n", &WriteRequest{Deletes: []DocumentID{1}})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "fallback", got.Perf.Fallback, "turbopuffer_direct")
	equal(t, "attempts, at the gateway and past it", got.Perf.Attempts, 2)
	equal(t, "waits", len(clock.waits), 0)
	sent := direct.last(t)
	equal(t, "target", sent.method+" "+sent.target, "POST /v2/namespaces/n")
	equal(t, "body", sent.body, `{"deletes":[1]}`)
	equal(t, "key", sent.header.Get("Authorization"), "Bearer direct-key")
	equal(t, "layer header", sent.header.Get("X-Hevlayer-Tags"), "")
	equal(t, "own header", sent.header.Get("X-Own"), "")
	equal(t, "warnings", strings.Count(logged.String(), "turbopuffer_direct"), 1)

	// While the gateway counts as down it is not asked; afterwards it is.
	if err = once(client); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logged.String(), "a moment ago") {
		t.Errorf("logged %s", logged)
	}
	clock.time = clock.time.Add(downFor + time.Second)
	if err = once(client); err != nil {
		t.Fatal(err)
	}
	equal(t, "reasons", strings.Count(logged.String(), "a moment ago"), 1)
	equal(t, "warnings", strings.Count(logged.String(), "turbopuffer_direct"), 3)
}

func TestAGatewayThatIsDownSaysNothingOfAnother(t *testing.T) {
	client, _, direct, _ := pair(t, closedURL(t), reply{status: 200, body: okStatus})
	if err := once(client); err != nil {
		t.Fatal(err)
	}
	other := serve(t, reply{status: 200, body: okStatus})
	if err := once(client.WithOptions(WithBaseURL(other.URL))); err != nil {
		t.Fatal(err)
	}
	equal(t, "direct requests", len(direct.sent()), 1)
	equal(t, "requests to the other gateway", len(other.sent()), 1)
}

func TestWhatTheGatewayAloneCanAnswerDoesNotFallThrough(t *testing.T) {
	client, clock, direct, _ := pair(t, closedURL(t), reply{status: 200, body: okStatus})
	ctx := context.Background()
	calls := map[string]func() error{
		"fetch":    func() error { _, err := client.FetchDocument(ctx, "n", "d", nil); return err },
		"delete":   func() error { return idempotent(client) },
		"metadata": func() error { return read(client) },
		"nearest to": func() error {
			_, err := client.QueryNamespace(ctx, "n", &QueryRequest{Extra: map[string]any{"nearest_to_id": []string{"a"}}})
			return err
		},
		"as of": func() error {
			_, err := client.QueryNamespace(ctx, "n", &QueryRequest{Vector: []float32{1}, Extra: map[string]any{"as_of": 0}})
			return err
		},
		"full text": func() error {
			_, err := client.QueryNamespace(ctx, "n", &QueryRequest{RankBy: BM25("t", "x")})
			return err
		},
	}
	for name, call := range calls {
		clock.waits = nil
		var connection *APIConnectionError
		if err := call(); !errors.As(err, &connection) {
			t.Errorf("%s: got %v", name, err)
		}
		equal(t, name+" keeps its retries", len(clock.waits), 3)
	}
	equal(t, "direct requests", len(direct.sent()), 0)
}

func TestAPlainVectorQueryIsRewrittenAndANativeOneIsNot(t *testing.T) {
	cases := []struct {
		query *QueryRequest
		want  string
	}{
		{&QueryRequest{Vector: []float32{0.1, 2}}, `{"rank_by":["vector","ANN",[0.1,2]],"top_k":10,"consistency":{"level":"eventual"}}`},
		{&QueryRequest{Vector: "AACAPw==", TopK: 3, Filters: Eq("n", 9007199254740993), Consistency: &Consistency{Level: "strong"}, Extra: map[string]any{"new": 1}},
			`{"rank_by":["vector","ANN","AACAPw=="],"top_k":3,"filters":["n","Eq",9007199254740993],"consistency":{"level":"strong"},"new":1}`},
		{&QueryRequest{Vector: []float32{1}, Extra: map[string]any{"top_k": nil}}, `{"rank_by":["vector","ANN",[1]],"top_k":10,"consistency":{"level":"eventual"}}`},
		{&QueryRequest{Vector: []float32{1}, Extra: map[string]any{"top_k": 0}}, `{"rank_by":["vector","ANN",[1]],"top_k":0,"consistency":{"level":"eventual"}}`},
		{&QueryRequest{RankBy: KNN("v", []float64{1}), TopK: 2}, `{"rank_by":["v","kNN",[1]],"top_k":2}`},
	}
	for _, c := range cases {
		client, _, direct, _ := pair(t, closedURL(t), reply{status: 200, body: `{"rows":[{"id":1,"$dist":0}]}`, header: map[string]string{}})
		got, err := client.QueryNamespace(context.Background(), "n", c.query)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "rows", len(got.Rows), 1)
		equal(t, "stable as of", got.StableAsOf == nil, true)
		sent := direct.last(t)
		equal(t, "target", sent.target, "/v2/namespaces/n/query")
		var wantValue, gotValue any
		_, _ = json.Unmarshal([]byte(c.want), &wantValue), json.Unmarshal([]byte(sent.body), &gotValue)
		if !reflect.DeepEqual(gotValue, wantValue) || strings.Contains(c.want, "9007199254740993") != strings.Contains(sent.body, "9007199254740993") {
			t.Errorf("sent %s, want %s", sent.body, c.want)
		}
	}
}

func TestTheRawQueryTakesTurbopuffersOwnPath(t *testing.T) {
	client, _, direct, _ := pair(t, closedURL(t), reply{status: 200, body: `{"rows":[]}`})
	if _, err := client.QueryTurbopufferNamespace(context.Background(), "a-b", map[string]any{"rank_by": Asc("id")}); err != nil {
		t.Fatal(err)
	}
	equal(t, "target", direct.last(t).target, "/v2/namespaces/a-b/query")
}

func TestAnAnswerOfAnyStatusIsAnAnswer(t *testing.T) {
	gateway := serve(t, reply{status: 503, body: `{"error":"gateway_draining","message":"m"}`})
	client, _, direct, _ := pair(t, gateway.URL, reply{status: 200, body: okStatus})
	if err := once(client); !errors.Is(err, ErrServer) {
		t.Errorf("got %v", err)
	}
	equal(t, "direct requests", len(direct.sent()), 0)
}

func TestAConnectionThatBreaksLetsReadsFallThroughAndNotWrites(t *testing.T) {
	gateway := serve(t, reply{cut: true})
	client, _, direct, _ := pair(t, gateway.URL, reply{status: 200, body: `{"namespaces":[]}`})
	var connection *APIConnectionError
	if err := once(client); !errors.As(err, &connection) {
		t.Errorf("got %v", err)
	}
	equal(t, "direct requests", len(direct.sent()), 0)
	if _, err := client.ListTurbopufferNamespaces(context.Background(), &ListTurbopufferNamespacesParams{PageSize: 5}); err != nil {
		t.Fatal(err)
	}
	equal(t, "target", direct.last(t).target, "/v1/namespaces?page_size=5")
	// It broke one connection and took another: it is not down.
	before := len(gateway.sent())
	_ = once(client)
	equal(t, "requests to the gateway", len(gateway.sent())-before, 1)
}

func TestSilenceAndCancellationDoNotFallThrough(t *testing.T) {
	gateway := serve(t, reply{stall: true})
	client, _, direct, _ := pair(t, gateway.URL, reply{status: 200, body: okStatus})
	list := func(ctx context.Context, opts ...RequestOption) error {
		_, err := client.ListTurbopufferNamespaces(ctx, nil, opts...)
		return err
	}
	var timeout *APITimeoutError
	if err := list(context.Background(), WithTimeout(20*time.Millisecond), WithMaxRetries(0)); !errors.As(err, &timeout) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := list(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	equal(t, "direct requests", len(direct.sent()), 0)
}

func TestFallingThroughNeedsAKeyAndTheSwitch(t *testing.T) {
	direct := serve(t, reply{status: 200, body: okStatus})
	for _, options := range [][]Option{
		{WithTurbopufferBaseURL(direct.URL)},
		{WithTurbopufferBaseURL(direct.URL), WithTurbopufferAPIKey("direct-key"), WithFallbackToTurbopuffer(false)},
	} {
		client, _ := testClient(t, closedURL(t), options...)
		var connection *APIConnectionError
		if err := once(client); !errors.As(err, &connection) {
			t.Errorf("got %v", err)
		}
	}
	equal(t, "direct requests", len(direct.sent()), 0)
}

func TestAFailureOfTheDirectCallIsTheOneReported(t *testing.T) {
	client, _, _, _ := pair(t, closedURL(t), reply{status: 404, body: `{"status":"error","error":"namespace 'n' was not found"}`})
	if err := once(client); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	nowhere := closedURL(t)
	err := once(client.WithOptions(WithTurbopufferBaseURL(nowhere)))
	var connection *APIConnectionError
	if !errors.As(err, &connection) || !strings.Contains(err.Error(), strings.TrimPrefix(nowhere, "http://")) {
		t.Errorf("got %v", err)
	}
}
