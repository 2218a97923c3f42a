package hevlayer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// This file is the life of one call: arguments to bytes, bytes to a server and back, answer to a value. The generated
// methods call it and nothing else.

// outgoing is a call ready to be sent, any number of times and to either server.
type outgoing struct {
	op *operation
	// args are kept to build the call again for Turbopuffer.
	args       arguments
	path       string
	query      string
	body       []byte
	hasBody    bool
	gzipped    bool
	headers    http.Header
	timeout    time.Duration
	total      time.Duration
	started    time.Time
	maxRetries int
	// earlier is how many requests were made to the gateway before the call went past it.
	earlier int
	// caller is the context as the caller gave it, without the total timeout.
	caller context.Context
}

// call runs one operation and decodes its result into T.
func call[T any](ctx context.Context, c *Client, op *operation, args arguments, opts []RequestOption) (*LayerResponse[T], error) {
	response := &LayerResponse[T]{}
	perf, err := c.invoke(ctx, op, args, opts, &response.Data)
	if err != nil {
		return nil, err
	}
	response.Perf = *perf
	return response, nil
}

// data drops the measurements of a call.
func data[T any](response *LayerResponse[T], err error) (T, error) {
	if err != nil {
		var none T
		return none, err
	}
	return response.Data, nil
}

func (c *Client) invoke(ctx context.Context, op *operation, args arguments, opts []RequestOption, into any) (*Perf, error) {
	if c == nil || c.config == nil {
		return nil, (&Client{config: &config{}}).refuse(op, "the client was not made by NewClient")
	}
	started := time.Now()
	out, err := c.prepare(ctx, op, args, opts)
	if err != nil {
		return nil, c.describe(err, op, 0)
	}
	out.started = started
	if out.total > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, out.total)
		defer cancel()
	}
	got, err := c.dispatch(ctx, out)
	if err != nil {
		return nil, err
	}
	decoding := time.Now()
	if err := got.decode(op, into); err != nil {
		return nil, c.describe(err, op, got.attempts)
	}
	perf := got.perf()
	perf.DecodeMS = milliseconds(time.Since(decoding))
	perf.LatencyMS = milliseconds(time.Since(started))
	return perf, nil
}

func (c *Client) prepare(ctx context.Context, op *operation, args arguments, opts []RequestOption) (*outgoing, error) {
	if c.config.problem != nil {
		return nil, c.config.problem
	}
	var own callSettings
	own.headers = c.config.headers
	for _, opt := range opts {
		if opt != nil {
			opt.applyCall(&own)
		}
	}
	if own.problem != nil {
		return nil, own.problem
	}
	out := &outgoing{
		op: op, args: args, headers: own.headers, caller: ctx,
		timeout: c.config.timeout, total: c.config.total, maxRetries: c.config.maxRetries,
	}
	if own.timeout != nil {
		out.timeout = *own.timeout
	}
	if own.total != nil {
		out.total = *own.total
	}
	if own.maxRetries != nil {
		out.maxRetries = *own.maxRetries
	}
	return out, out.build(op.route, &own, c.config.compress)
}

func (out *outgoing) build(route string, own *callSettings, compress compressor) error {
	var err error
	if out.path = out.args.rawPath; out.path == "" {
		if out.path, err = buildPath(route, out.args.path); err != nil {
			return configError("%w", err)
		}
	}
	if out.query, err = buildQuery(out.op.marker, out.args.params, own.query); err != nil {
		return configError("query parameter %w", err)
	}
	if out.op.body == bodyNone {
		return nil
	}
	if isNil(out.args.body) {
		if out.op.body == bodyRequired {
			return configError("the body is nil")
		}
		return nil
	}
	body, err := encodeJSON(out.args.body)
	if err != nil {
		return configError("body: %w", err)
	}
	return out.setBody(body, compress)
}

func (out *outgoing) setBody(body []byte, compress compressor) error {
	out.hasBody, out.body, out.gzipped = true, body, false
	if compress == nil || len(body) < gzipFrom {
		return nil
	}
	packed, err := compress(body)
	if err != nil {
		return err
	}
	out.body, out.gzipped = packed, true
	return nil
}

// userAgent names this package and the Go release it runs on.
var userAgent = "hevlayer-go/" + Version + " (" + runtime.Version() + ")"

// request makes the HTTP request for one attempt.
func (out *outgoing) request(ctx context.Context, to *target) (*http.Request, error) {
	address := to.base + out.path
	if out.query != "" {
		separator := "?"
		if strings.Contains(out.path, "?") {
			separator = "&"
		}
		address += separator + out.query
	}
	// A nil body keeps GET requests without a length; bytes.Reader lets net/http replay the body on a redirect.
	var request *http.Request
	var err error
	if out.hasBody {
		request, err = http.NewRequestWithContext(ctx, out.op.method, address, bytes.NewReader(out.body))
	} else {
		request, err = http.NewRequestWithContext(ctx, out.op.method, address, nil)
	}
	if err != nil {
		return nil, configError("%s %s is not a request: %s", out.op.method, out.path, err)
	}
	if out.op.answers != answersText {
		request.Header.Set("Accept", "application/json")
	}
	request.Header.Set("User-Agent", userAgent)
	if out.hasBody {
		request.Header.Set("Content-Type", "application/json")
	}
	if out.gzipped {
		request.Header.Set("Content-Encoding", "gzip")
	}
	// The caller's headers are meant for the gateway and may hold its credentials.
	if !to.direct {
		maps.Copy(request.Header, out.headers)
	}
	if to.key != "" {
		request.Header.Set("Authorization", "Bearer "+to.key)
	}
	return request, nil
}

// decode reads a success into the value that into points at, with the headers that belong to it.
func (a *answer) decode(op *operation, into any) error {
	switch {
	case op.answers == answersNothing, op.answers == answersAnything && len(a.body) == 0:
		return nil
	case op.answers == answersText:
		reflect.ValueOf(into).Elem().SetString(string(a.body))
		return nil
	case len(a.body) == 0:
		return a.undecodable(errors.New("the body is empty"))
	}
	// A replaced byte in an id or an attribute would be data that nobody wrote.
	if !utf8.Valid(a.body) {
		return a.undecodable(errors.New("the body is not UTF-8 text"))
	}
	value, err := parseJSON(a.body)
	if err != nil {
		return a.undecodable(err)
	}
	if len(op.meta) > 0 {
		object, ok := value.(map[string]any)
		if !ok {
			return a.undecodable(fmt.Errorf("want an object, got %s", jsonNameOf(value)))
		}
		for _, meta := range op.meta {
			object[meta.field] = meta.read(a.header)
		}
	}
	if err := bindResult(value, into); err != nil {
		return a.undecodable(err)
	}
	return nil
}

func (m metaHeader) read(header http.Header) any {
	text := header.Get(m.header)
	if text == "" {
		return nil
	}
	if !m.integer {
		return text
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil
	}
	return number
}

func (a *answer) undecodable(cause error) *ResponseError {
	return &ResponseError{HevlayerError{
		StatusCode: a.status, Header: a.header, Body: a.body[:min(len(a.body), bodyTextMax)],
		RequestID: a.header.Get("X-Request-Id"), Message: "the answer cannot be decoded: " + cause.Error(), cause: cause,
	}}
}

func (c *Client) refuse(op *operation, format string, args ...any) error {
	return c.describe(configError(format, args...), op, 0)
}

// describe completes an error with what only the call knows, and takes the keys out of what a server sent back.
func (c *Client) describe(err error, op *operation, attempts int) error {
	var inTree treeError
	if !errors.As(err, &inTree) {
		return err
	}
	// An error of the configuration is shared by all calls; each gets its own copy.
	if problem, ok := inTree.(*ConfigError); ok {
		copied := *problem
		inTree, err = &copied, &copied
	}
	e := inTree.base()
	e.OperationID, e.Method, e.Route, e.Attempts = op.id, op.method, op.route, attempts
	for _, secret := range c.config.secrets {
		if len(secret) >= secretMin {
			e.redact(secret)
		}
	}
	return err
}

const (
	redacted = "[redacted]"
	// secretMin is the length from which a key is looked for: replacing shorter ones would only garble the message.
	secretMin = 4
)

// causeWithout is the cause, or where it repeats the secret what it says without it.
func causeWithout(secret string, cause error) error {
	if cause == nil || !strings.Contains(cause.Error(), secret) {
		return cause
	}
	if inner, ok := cause.(treeError); ok {
		inner.base().redact(secret)
		return cause
	}
	return errors.New(strings.ReplaceAll(cause.Error(), secret, redacted))
}

func (e *HevlayerError) redact(secret string) {
	e.Message = strings.ReplaceAll(e.Message, secret, redacted)
	e.Kind = ErrorCode(strings.ReplaceAll(string(e.Kind), secret, redacted))
	e.Reason = strings.ReplaceAll(e.Reason, secret, redacted)
	e.RequiredScope = strings.ReplaceAll(e.RequiredScope, secret, redacted)
	e.cause = causeWithout(secret, e.cause)
	e.Body = bytes.ReplaceAll(e.Body, []byte(secret), []byte(redacted))
	for _, values := range e.Header {
		for index := range values {
			values[index] = strings.ReplaceAll(values[index], secret, redacted)
		}
	}
}
