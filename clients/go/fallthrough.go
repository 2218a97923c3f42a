package hevlayer

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"
)

// This file sends a call to Turbopuffer itself when the gateway cannot be reached. An answer of any status is an answer:
// only silence before the request was carried counts, for reads also a connection that broke before any answer. The two
// keys never cross.

// downFor is how long a gateway that could not be reached is not asked again by calls that can go elsewhere.
const downFor = 5 * time.Second

// dispatch sends a call to the gateway, or past it.
func (c *Client) dispatch(ctx context.Context, out *outgoing) (*answer, error) {
	if c.config.direct == nil || out.op.fall == fallthroughNo {
		return c.send(ctx, &c.config.gateway, out, nil)
	}
	// Worked out only when it is needed: it takes the body apart.
	past := sync.OnceValue(func() *outgoing { return out.forTurbopuffer(c.config.compress) })
	gateway := c.config.gateway.base
	if c.common.isDown(gateway, c.config.clock.now()) && past() != nil {
		return c.sendDirect(ctx, past(), "the gateway could not be reached a moment ago")
	}
	got, err := c.send(ctx, &c.config.gateway, out, func() bool { return past() != nil })
	if err == nil || !mayLeave(out.op, err) || past() == nil {
		return got, err
	}
	if isUnreached(err) {
		c.common.down.Store(gateway, c.config.clock.now().Add(downFor))
	}
	var failed treeError
	if errors.As(err, &failed) {
		past().earlier = failed.base().Attempts
	}
	return c.sendDirect(ctx, past(), err.Error())
}

func (c *Client) sendDirect(ctx context.Context, out *outgoing, reason string) (*answer, error) {
	c.config.logger.WarnContext(ctx, "gateway unreachable, calling "+fallbackDirect, "operation", out.op.id, "reason", reason)
	return c.send(ctx, c.config.direct, out, nil)
}

func isUnreached(err error) bool {
	var connection *APIConnectionError
	return errors.As(err, &connection) && connection.unreached
}

// mayLeave says whether a failure at the gateway lets the call go elsewhere.
func mayLeave(op *operation, err error) bool {
	var connection *APIConnectionError
	if !errors.As(err, &connection) {
		return false
	}
	return connection.unreached || op.safe == safeRead && connection.unanswered
}

// forTurbopuffer is the call as Turbopuffer takes it; nil when only the gateway can answer it.
func (out *outgoing) forTurbopuffer(compress compressor) *outgoing {
	past := *out
	if out.op.upstream != "" {
		path, err := buildPath(out.op.upstream, out.args.path)
		if err != nil {
			return nil
		}
		past.path = path
	}
	switch out.op.fall {
	case fallthroughSimple:
		return past.asVectorQuery(compress)
	case fallthroughNative:
		if !isNativeBatch(out.args.body) {
			return nil
		}
	}
	return &past
}

// asVectorQuery puts a plain vector query into Turbopuffer's own form; nil for any other.
func (out *outgoing) asVectorQuery(compress compressor) *outgoing {
	query, rewritten, ok := plainVectorQuery(out.args.body)
	if !ok {
		return nil
	}
	if rewritten {
		body, err := encodeJSON(query)
		if err != nil || out.setBody(body, compress) != nil {
			return nil
		}
	}
	return out
}

// layerQueryFields are understood by the gateway alone.
var layerQueryFields = []string{"nearest_to_id", "cursor", "as_of", "between"}

// isNativeBatch says whether a body holds several queries that are all Turbopuffer's own.
func isNativeBatch(body any) bool {
	var batch map[string]any
	text, err := encodeJSON(body)
	if err != nil || decodeJSON(text, &batch) != nil {
		return false
	}
	queries, ok := batch["queries"].([]any)
	if !ok || !isNativeQuery(batch) {
		return false
	}
	for _, query := range queries {
		if fields, ok := query.(map[string]any); !ok || !isNativeQuery(fields) {
			return false
		}
	}
	return true
}

// isNativeQuery says that a query has no field and no ranking that only the gateway understands.
func isNativeQuery(query map[string]any) bool {
	for _, field := range layerQueryFields {
		if _, used := query[field]; used {
			return false
		}
	}
	if _, used := query["vector"]; used {
		return false
	}
	rank, _ := query["rank_by"].([]any)
	return len(rank) < 2 || rank[1] != "HybridText" && rank[1] != "Auto"
}

// plainVectorQuery says whether a query body asks only for the neighbours of a vector, and gives its native form. A body
// that is native already is left as it is.
func plainVectorQuery(body any) (query map[string]any, rewritten, ok bool) {
	text, err := encodeJSON(body)
	if err != nil || decodeJSON(text, &query) != nil {
		return nil, false, false
	}
	for _, field := range layerQueryFields {
		if _, used := query[field]; used {
			return nil, false, false
		}
	}
	if _, several := query["queries"]; several {
		return nil, false, false
	}
	vector, given := query["vector"]
	if !given {
		return nil, false, ranksByVector(query["rank_by"])
	}
	if _, ranked := query["rank_by"]; ranked || !isVector(vector) {
		return nil, false, false
	}
	native := map[string]any{"consistency": map[string]any{"level": "eventual"}}
	maps.Copy(native, query)
	if native["top_k"] == nil {
		native["top_k"] = 10
	}
	delete(native, "vector")
	native["rank_by"] = []any{"vector", "ANN", vector}
	return native, true, true
}

func isVector(value any) bool {
	switch vector := value.(type) {
	case []float64:
		return len(vector) > 0
	case string:
		return vector != ""
	default:
		return false
	}
}

func ranksByVector(rank any) bool {
	parts, _ := rank.([]any)
	if len(parts) != 3 || (parts[1] != "ANN" && parts[1] != "kNN") {
		return false
	}
	_, named := parts[0].(string)
	return named && isVector(parts[2])
}
