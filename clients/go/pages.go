package hevlayer

import (
	"context"
	"fmt"
)

// Iter walks a listing item by item and reads pages as it goes:
//
//	namespaces := client.IterNamespaces(ctx, nil)
//	for namespaces.Next() {
//		fmt.Println(namespaces.Item().Name)
//	}
//	if err := namespaces.Err(); err != nil { ... }
//
// It holds nothing between calls, so that leaving the loop early needs no closing. It is not safe for concurrent use.
type Iter[T any] struct {
	ctx   context.Context
	op    *operation
	fetch func(ctx context.Context, cursor string) (items []T, next string, err error)
	// cursor is where the next page begins; empty for the first one and at the end.
	cursor  string
	started bool
	seen    map[string]bool
	page    []T
	at      int
	err     error
}

func newIter[T any](ctx context.Context, op *operation, cursor string, fetch func(context.Context, string) ([]T, string, error)) *Iter[T] {
	return &Iter[T]{ctx: ctx, op: op, cursor: cursor, fetch: fetch, at: -1, seen: map[string]bool{}}
}

// Next moves to the next item and says whether there is one. False at the end and on an error; Err tells them apart.
func (it *Iter[T]) Next() bool {
	if it.err == nil {
		it.at++
	}
	// A page may be empty and still have a successor.
	for it.err == nil && it.at >= len(it.page) {
		if !it.NextPage() {
			return false
		}
		it.at = 0
	}
	return it.err == nil
}

// Item is the item that Next moved to. It panics before the first Next and after the last.
func (it *Iter[T]) Item() T { return it.page[it.at] }

// NextPage reads the next page whole, skipping what is left of this one, and says whether there was one. Use it instead of
// Next, with Page.
func (it *Iter[T]) NextPage() bool {
	it.page, it.at = nil, -1
	if it.err != nil || it.started && it.cursor == "" {
		return false
	}
	it.started = true
	if it.cursor != "" {
		it.seen[it.cursor] = true
	}
	items, next, err := it.fetch(it.ctx, it.cursor)
	if err != nil {
		it.err = err
		return false
	}
	if it.seen[next] {
		it.err = &PageError{HevlayerError{
			Message:     fmt.Sprintf("the listing gave the cursor %q again", next),
			OperationID: it.op.id, Method: it.op.method, Route: it.op.route,
		}, next}
		return false
	}
	it.page, it.cursor = items, next
	return true
}

// Page is the page that NextPage read.
func (it *Iter[T]) Page() []T { return it.page }

// Err is what ended the walk early; nil while it goes on and after a complete one.
func (it *Iter[T]) Err() error { return it.err }

// mapPage takes a page of an open answer apart: the objects under items, and the cursor under next.
func mapPage(page map[string]any, items, next string) ([]map[string]any, string) {
	list, _ := page[items].([]any)
	objects := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	cursor, _ := page[next].(string)
	return objects, cursor
}
