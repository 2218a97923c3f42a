// Command basic writes documents, reads them back by id, patches one, and cleans up.
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

const namespace = "example-basic"

func main() {
	if err := run(context.Background(), hevlayer.NewClient()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, client *hevlayer.Client) error {
	_, err := client.WriteNamespace(ctx, namespace, &hevlayer.WriteRequest{
		UpsertRows: []hevlayer.Row{
			{"id": "sku-17", "vector": []float32{0.1, 0.2}, "title": "Trail shoe", "price": 89},
			{"id": "sku-18", "vector": []float32{0.3, 0.1}, "title": "Rain jacket", "price": 129},
		},
		DistanceMetric: "cosine_distance",
	})
	if err != nil {
		return err
	}
	_, err = client.WriteNamespace(ctx, namespace, &hevlayer.WriteRequest{
		PatchRows: []hevlayer.Row{{"id": "sku-17", "price": 79}},
		Deletes:   []hevlayer.DocumentID{"sku-18"},
	})
	if err != nil {
		return err
	}

	document, err := client.FetchDocument(ctx, namespace, "sku-17", &hevlayer.FetchDocumentParams{
		IncludeAttributes: []string{"title", "price"},
	})
	if err != nil {
		return err
	}
	fmt.Println(document.ID, document.Attributes)

	found, err := client.FetchDocuments(ctx, namespace, &hevlayer.FetchDocumentsRequest{
		Ids: []hevlayer.DocumentID{"sku-17", "sku-18"},
	})
	if err != nil {
		return err
	}
	fmt.Println("found", len(found.Documents), "missing", found.Missing)

	if _, err = client.FetchDocument(ctx, namespace, "sku-18", nil); !errors.Is(err, hevlayer.ErrNotFound) {
		return fmt.Errorf("a deleted document should be gone: %w", err)
	}
	fmt.Println(err)

	metadata, err := client.GetNamespaceMetadata(ctx, namespace)
	if err != nil {
		return err
	}
	if metadata.ApproxRowCount != nil {
		fmt.Println(metadata.ID, *metadata.ApproxRowCount, "rows")
	}
	deleted, err := client.DeleteNamespace(ctx, namespace)
	if err != nil {
		return err
	}
	fmt.Println(deleted.Status)
	return nil
}
