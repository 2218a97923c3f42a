//go:build go1.23

package hevlayer

import (
	"context"
	"errors"
	"testing"
)

func TestAListingCanBeRangedOver(t *testing.T) {
	server := serve(t, page("a b", "c1"), page("c", "c2"), reply{status: 404})
	client, _ := testClient(t, server.URL)
	names, failed := "", error(nil)
	for namespace, err := range client.IterNamespaces(context.Background(), nil).All() {
		if err != nil {
			failed = err
			continue
		}
		names += namespace.Name
	}
	equal(t, "names", names, "abc")
	if !errors.Is(failed, ErrNotFound) {
		t.Errorf("got %v", failed)
	}
	it := client.IterNamespaces(context.Background(), nil)
	for range it.All() {
		break
	}
}
