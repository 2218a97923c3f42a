// Command query searches by vector under a filter, by text, and counts; with timings.
//
// Run it with LAYER_GATEWAY_URL and LAYER_GATEWAY_API_KEY set.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	hevlayer "github.com/hev/layer/clients/go"
)

const namespace = "example-query"

func main() {
	if err := run(context.Background(), hevlayer.NewClient()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, client *hevlayer.Client) error {
	_, err := client.WriteNamespace(ctx, namespace, &hevlayer.WriteRequest{
		UpsertRows: []hevlayer.Row{
			{"id": 1, "vector": []float32{0.1, 0.2}, "title": "Trail shoe", "price": 89},
			{"id": 2, "vector": []float32{0.3, 0.1}, "title": "Rain jacket", "price": 129},
			{"id": 3, "vector": []float32{0.1, 0.3}, "title": "Road shoe", "price": 119},
		},
		DistanceMetric: "cosine_distance",
		Schema: hevlayer.NamespaceSchema{
			"title": map[string]any{"type": "string", "full_text_search": true},
		},
	})
	if err != nil {
		return err
	}
	err = search(ctx, client)
	_, deleteErr := client.DeleteNamespace(ctx, namespace)
	return errors.Join(err, deleteErr)
}

func search(ctx context.Context, client *hevlayer.Client) error {
	byVector, err := client.QueryNamespaceWithPerf(ctx, namespace, &hevlayer.QueryRequest{
		Vector:            []float32{0.1, 0.2},
		TopK:              2,
		Filters:           hevlayer.Lt("price", 120),
		IncludeAttributes: []string{"title"},
	})
	if err != nil {
		return err
	}
	for _, row := range byVector.Data.Rows {
		distance, _ := row.Dist()
		fmt.Printf("%v %.4f %v\n", row.ID(), distance, row["title"])
	}
	fmt.Printf("%.1f ms\n", byVector.Perf.LatencyMS)

	byText, err := client.QueryNamespace(ctx, namespace, &hevlayer.QueryRequest{
		RankBy:            hevlayer.BM25("title", "shoe"),
		Limit:             5,
		IncludeAttributes: []string{"title"},
	})
	if err != nil {
		return err
	}
	for _, row := range byText.Rows {
		fmt.Println(row["title"])
	}

	count, err := client.QueryNamespace(ctx, namespace, &hevlayer.QueryRequest{
		AggregateBy: map[string][]any{"total": {"Count"}},
		Filters:     hevlayer.Lt("price", 120),
	})
	if err != nil {
		return err
	}
	fmt.Println(count.Aggregations)
	return nil
}
