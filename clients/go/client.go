package hevlayer

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Client calls a Layer gateway. It is safe for use by several goroutines, keeps a pool of connections, and needs no
// closing. The zero Client is not usable; make one with NewClient.
type Client struct {
	// Behind pointers, so that printing a Client or anything around it cannot reach the keys.
	config  *config
	options *[]Option
	common  *shared
}

// NewClient makes a client. It never fails: an option or a variable that cannot be used is reported by the first call.
func NewClient(options ...Option) *Client {
	return newClient(options, &shared{doer: newHTTPClient()})
}

func newClient(options []Option, common *shared) *Client {
	s := &settings{}
	for _, option := range options {
		if option != nil {
			option.applyClient(s)
		}
	}
	options = slices.Clone(options)
	return &Client{config: resolve(s, common), options: &options, common: common}
}

// WithOptions makes a client that shares this one's connections, with options added to this one's.
func (c *Client) WithOptions(options ...Option) *Client {
	return newClient(slices.Concat(*c.options, options), c.common)
}

// CloseIdleConnections closes the connections of the default HTTP client that no call is using.
func (c *Client) CloseIdleConnections() {
	if closer, ok := c.common.doer.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// String names the gateway, and never a key.
func (c *Client) String() string {
	if c == nil || c.config == nil {
		return "hevlayer.Client(unusable)"
	}
	return fmt.Sprintf("hevlayer.Client(%s)", c.config.gateway.base)
}

// GoString is String: %#v would follow pointers to the keys.
func (c *Client) GoString() string { return c.String() }

// Request calls a route that this package has no method for, with the same key, retries and errors. The path begins with
// a slash and is already percent-encoded; a body of nil is not sent. Data is the decoded answer, nil when it was empty. GET
// counts as safe to repeat, PUT and DELETE as idempotent, any other method is sent again only when it surely
// was not processed.
func (c *Client) Request(ctx context.Context, method, path string, body any, opts ...RequestOption) (*LayerResponse[any], error) {
	op := &operation{id: "request", method: strings.ToUpper(method), route: path, body: bodyOptional, answers: answersAnything}
	switch op.method {
	case "GET":
		op.safe = safeRead
	case "PUT", "DELETE":
		op.safe = safeIdempotent
	}
	if problem := rawPathProblem(path); problem != "" {
		return nil, c.refuse(op, "the path %q %s", path, problem)
	}
	return call[any](ctx, c, op, arguments{rawPath: path, body: body}, opts)
}
