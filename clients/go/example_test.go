package hevlayer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	hevlayer "github.com/hev/layer/clients/go"
)

// gateway stands in for a running one: each route has one answer.
func gateway(answers map[string]string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.Method+" "+r.URL.Path]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"error":"not_found","message":"document 'sku-99' was not found in namespace 'products'"}`
		}
		w.Header().Set("x-layer-cache", "miss")
		fmt.Fprint(w, answer)
	}))
}

func ExampleClient_WriteNamespace() {
	server := gateway(map[string]string{"POST /v2/namespaces/products": `{"status":"OK","message":"","rows_affected":1,"billing":{}}`})
	defer server.Close()

	client := hevlayer.NewClient(hevlayer.WithBaseURL(server.URL), hevlayer.WithAPIKey("tpuf_local"))
	written, err := client.WriteNamespace(context.Background(), "products", &hevlayer.WriteRequest{
		UpsertRows:     []hevlayer.Row{{"id": "sku-17", "vector": []float32{0.1, 0.2}, "title": "Trail shoe"}},
		DistanceMetric: "cosine_distance",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(written.Status, written.RowsAffected)
	// Output: OK 1
}

func ExampleClient_QueryNamespace() {
	server := gateway(map[string]string{"POST /v2/namespaces/products/query": `{"rows":[{"id":"sku-17","$dist":0.18,"title":"Trail shoe"}]}`})
	defer server.Close()

	client := hevlayer.NewClient(hevlayer.WithBaseURL(server.URL))
	found, err := client.QueryNamespace(context.Background(), "products", &hevlayer.QueryRequest{
		Vector:            []float32{0.1, 0.2},
		TopK:              5,
		Filters:           hevlayer.And(hevlayer.Lt("price", 100), hevlayer.Eq("brand", "Acme")),
		IncludeAttributes: []string{"title"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range found.Rows {
		distance, _ := row.Dist()
		fmt.Println(row.ID(), distance, row["title"])
	}
	// Output: sku-17 0.18 Trail shoe
}

func ExampleClient_FetchDocument() {
	server := gateway(nil)
	defer server.Close()

	client := hevlayer.NewClient(hevlayer.WithBaseURL(server.URL))
	_, err := client.FetchDocument(context.Background(), "products", "sku-99", nil)
	var status *hevlayer.HevlayerError
	if errors.Is(err, hevlayer.ErrNotFound) && errors.As(err, &status) {
		fmt.Println(status.StatusCode, status.Kind, status.Message)
	}
	// Output: 404 not_found document 'sku-99' was not found in namespace 'products'
}

func ExampleClient_FetchDocumentWithPerf() {
	server := gateway(map[string]string{"GET /v2/namespaces/products/documents/sku-17": `{"id":"sku-17","attributes":{"price":89}}`})
	defer server.Close()

	client := hevlayer.NewClient(hevlayer.WithBaseURL(server.URL))
	fetched, err := client.FetchDocumentWithPerf(context.Background(), "products", "sku-17", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fetched.Data.Attributes["price"], fetched.Perf.CacheStatus, fetched.Perf.Attempts)
	// Output: 89 miss 1
}

func ExampleClient_IterNamespaces() {
	server := gateway(map[string]string{"GET /v2/namespaces": `{"namespaces":[{"name":"orders"},{"name":"products"}]}`})
	defer server.Close()

	client := hevlayer.NewClient(hevlayer.WithBaseURL(server.URL))
	namespaces := client.IterNamespaces(context.Background(), nil)
	for namespaces.Next() {
		fmt.Println(namespaces.Item().Name)
	}
	if err := namespaces.Err(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// orders
	// products
}

func TestTheFormsOfThePublicDocsCompileAndRun(t *testing.T) {
	server := gateway(map[string]string{
		"GET /v2/namespaces/products/metadata":    `{"id":"products","layer":{"stable_as_of":null,"is_stable":false,"indexed":null,"index_lag_rows":0}}`,
		"GET /v2/namespaces":                      `{"namespaces":[{"name":"products","is_stable":false}]}`,
		"POST /v2/namespaces/products/query":      `{"rows":[]}`,
		"POST /v2/namespaces/products/warm":       `{"id":"j","status":"running"}`,
		"GET /v2/namespaces/products/warm-jobs/j": `{"id":"j","status":"completed"}`,
	})
	defer server.Close()
	t.Setenv("LAYER_GATEWAY_URL", server.URL)
	t.Setenv("LAYER_GATEWAY_API_KEY", "tpuf_local")
	ctx := context.Background()

	client := hevlayer.NewClient(hevlayer.WithBaseURL(os.Getenv("LAYER_GATEWAY_URL")),
		hevlayer.WithAPIKey(os.Getenv("LAYER_GATEWAY_API_KEY")))
	options := []hevlayer.Option{hevlayer.WithFallbackToTurbopuffer(false), hevlayer.WithHTTPClient(&http.Client{}),
		hevlayer.WithTurbopufferHTTPClient(http.DefaultClient), hevlayer.WithTurbopufferAPIKey(""), hevlayer.WithTurbopufferBaseURL("")}
	client = client.WithOptions(options...)

	metadata, err := client.GetNamespaceMetadata(ctx, "products")
	if err != nil {
		t.Fatal(err)
	}
	if metadata.Layer.StableAsOf != nil || metadata.Layer.Indexed != nil || metadata.Layer.IndexLagRows == nil || *metadata.Layer.IndexLagRows != 0 {
		t.Errorf("null and zero are not told apart: %+v", metadata.Layer)
	}
	namespaces, err := client.ListNamespaces(ctx, &hevlayer.ListNamespacesParams{Prefix: "prod", PageSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	if row := namespaces.Namespaces[0]; row.IsStable == nil || *row.IsStable || row.RowCount != nil {
		t.Errorf("absent and false are not told apart: %+v", row)
	}
	if _, err = client.QueryNamespace(ctx, "products", &hevlayer.QueryRequest{RankBy: []interface{}{"id", "asc"},
		Filters: []interface{}{"brand", "Eq", "Acme"}, DistanceMetric: "cosine_distance"}); err != nil {
		t.Fatal(err)
	}
	job, err := client.WarmCache(ctx, "products", &hevlayer.WarmCacheParams{PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	jobID := job.ID
	job, err = client.GetWarmJob(ctx, "products", jobID)
	if err != nil || job.Status != "completed" {
		t.Errorf("%+v, %v", job, err)
	}
	if job, err = client.WarmNamespace(ctx, "products", nil); err != nil || job.ID != "j" {
		t.Errorf("%+v, %v", job, err)
	}
	if got, err := client.WithOptions(hevlayer.WithBaseURL("")).GetNamespaceMetadataWithPerf(ctx, "products"); err != nil || got.Perf.Fallback != "" {
		t.Errorf("the variables do not stand in: %v", err)
	}
}
