// Package hevlayer is a client for Layer, a gateway in front of Turbopuffer.
//
// A [Client] has one method per operation of the gateway. Every method takes a context first, then the path arguments in
// the order of the path, then the body or the query parameters, then options of the single call:
//
//	client := hevlayer.NewClient(hevlayer.WithBaseURL("http://localhost:8080"), hevlayer.WithAPIKey("tpuf_local"))
//	_, err := client.WriteNamespace(ctx, "products", &hevlayer.WriteRequest{
//		UpsertRows: []hevlayer.Row{{"id": "sku-17", "title": "Trail shoe"}},
//	})
//
// # Values
//
// Integers from 0 to 2^64-1 keep their exact value both ways. In a decoded value of unknown type an integer is an int64,
// or a uint64 above 2^63-1, and an array of numbers is a []float64, unless that would round one of its elements.
//
// Optional fields of requests are left out while they are zero. Where zero means something the field is a pointer, made
// with [Bool], [Int] and [Float]. The Extra map of every struct carries keys that this version does not know, and
// explicit nulls: Extra: map[string]any{"top_k": nil}.
//
// # Errors
//
// Every error is a [*HevlayerError] to errors.As; [*APIError], [*APIConnectionError] and the others say more. The
// sentinels ([ErrNotFound], [ErrRateLimited] and their kin) work with errors.Is, and a cancelled context stays in the chain.
package hevlayer
