package hevlayer

import "context"

// This file holds the methods that are written by hand on top of generated ones.

// WarmNamespace is WarmCache.
func (c *Client) WarmNamespace(ctx context.Context, namespace string, params *WarmCacheParams, opts ...RequestOption) (*WarmJob, error) {
	return c.WarmCache(ctx, namespace, params, opts...)
}

// WarmNamespaceWithPerf is WarmCacheWithPerf.
func (c *Client) WarmNamespaceWithPerf(ctx context.Context, namespace string, params *WarmCacheParams, opts ...RequestOption) (*LayerResponse[*WarmJob], error) {
	return c.WarmCacheWithPerf(ctx, namespace, params, opts...)
}
