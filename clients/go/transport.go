package hevlayer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// This file makes one attempt: one request, its whole answer, and a name for whatever went wrong between.

const (
	// responseBytesMax bounds a decoded answer, in bytes; it equals what the gateway takes as a request.
	responseBytesMax = 512 << 20
	// errorBytesMax bounds what is read of an error's body, in bytes.
	errorBytesMax = 1 << 20
)

// answer is a complete HTTP answer.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	sent     int
	direct   bool
	attempts int
	timing   timing
}

// attempt sends the call once and reads the answer to its end. The error is an APIConnectionError, an APITimeoutError, a
// CancelledError, a ConfigError, or a ResponseError for a success that is too large.
func (c *Client) attempt(ctx context.Context, to *target, out *outgoing) (*answer, error) {
	limited, cancel := context.WithTimeout(ctx, out.timeout)
	defer cancel()
	watch := &watch{started: time.Now()}
	request, err := out.request(httptrace.WithClientTrace(limited, watch.hooks()), to)
	if err != nil {
		return nil, err
	}
	fail := func(err error, answered bool) error {
		return (&failure{call: ctx, attempt: limited, out: out, watch: watch, answered: answered}).name(err)
	}
	response, err := to.doer.Do(request)
	if err != nil {
		return nil, fail(err, false)
	}
	defer response.Body.Close()
	headers := time.Now()
	body, whole, err := readBody(response, c.config.responseMax)
	if err != nil {
		return nil, fail(err, true)
	}
	if !whole {
		return nil, &ResponseError{HevlayerError{StatusCode: response.StatusCode, Header: response.Header,
			RequestID: response.Header.Get("X-Request-Id"), Message: fmt.Sprintf("the answer is larger than %d bytes", c.config.responseMax)}}
	}
	got := &answer{status: response.StatusCode, header: response.Header, body: body, sent: len(out.body), direct: to.direct}
	got.timing = watch.timing(headers, time.Now())
	return got, nil
}

// readBody reads a success whole, or says that it is too large, and the beginning of anything else.
func readBody(response *http.Response, most int64) (body []byte, whole bool, err error) {
	success := response.StatusCode >= 200 && response.StatusCode < 300
	limit := int64(errorBytesMax)
	if success {
		limit = most
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil || int64(len(body)) <= limit {
		return body, true, err
	}
	return body[:limit], !success, nil
}

// watch notes when the connection was there. net/http calls its hooks from several goroutines.
type watch struct {
	started time.Time
	// Nanoseconds since started, plus one; 0 while it has not happened.
	asked, connected, firstByte atomic.Int64
}

func (w *watch) note(at *atomic.Int64) { at.Store(int64(time.Since(w.started)) + 1) }

func (w *watch) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:              func(string) { w.note(&w.asked) },
		GotConn:              func(httptrace.GotConnInfo) { w.note(&w.connected) },
		GotFirstResponseByte: func() { w.note(&w.firstByte) },
	}
}

// neverConnected says that there was no connection, so that nothing was sent. Where the HTTP client does not report its
// connections, the kind of error has to tell; where it does, the error may be that of a redirect, after a first request.
func (w *watch) neverConnected(err error) bool {
	if w.asked.Load() == 0 {
		return isConnectError(err)
	}
	return w.connected.Load() == 0
}

// timing is where the time of one attempt went, in milliseconds.
type timing struct{ connect, firstByte, body float64 }

func (w *watch) timing(headers, end time.Time) timing {
	return timing{
		connect:   float64(w.connected.Load()) / 1e6,
		firstByte: float64(w.firstByte.Load()) / 1e6,
		body:      milliseconds(end.Sub(headers)),
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// failure is an attempt that ended without a complete answer.
type failure struct {
	// call ends with the caller or the total timeout, attempt also with the attempt's own limit.
	call, attempt context.Context
	out           *outgoing
	watch         *watch
	answered      bool
}

// name gives the transport's error its place in the tree.
func (f *failure) name(err error) error {
	if f.out.caller.Err() != nil {
		return cancelled(f.out.caller)
	}
	unreached := !f.answered && f.watch.neverConnected(err)
	connection := APIConnectionError{
		HevlayerError: HevlayerError{Message: reasonOf(err), cause: err},
		unreached:     unreached,
		unanswered:    !f.answered && f.watch.firstByte.Load() == 0,
	}
	switch {
	case f.call.Err() != nil:
		connection.Message = fmt.Sprintf("the total timeout of %s passed", f.out.total)
	case f.attempt.Err() != nil:
		connection.Message = fmt.Sprintf("no complete answer within %s", f.out.timeout)
		// Silence is not a broken connection: the server may still be at work.
		connection.unanswered = false
	case isTimeout(err):
	default:
		return &connection
	}
	return &APITimeoutError{connection}
}

func cancelled(ctx context.Context) *CancelledError {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return &CancelledError{HevlayerError{Message: err.Error(), cause: err}}
}

// isConnectError knows the failures that come before a connection can carry anything.
func isConnectError(err error) bool {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return true
	}
	var name *net.DNSError
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	return errors.As(err, &name) || errors.As(err, &record) || errors.As(err, &certificate) ||
		errors.As(err, &authority) || errors.As(err, &host)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// reasonOf is the transport's message without the URL around it.
func reasonOf(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed before the answer was complete"
	}
	return err.Error()
}
