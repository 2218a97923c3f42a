//go:build go1.23

package hevlayer

import "iter"

// All walks the rest of the listing in a range loop. An error comes last, beside a zero item:
//
//	for namespace, err := range client.IterNamespaces(ctx, nil).All() {
//
// It needs Go 1.23.
func (it *Iter[T]) All() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for it.Next() {
			if !yield(it.Item(), nil) {
				return
			}
		}
		if it.err != nil {
			var none T
			yield(none, it.err)
		}
	}
}
