package hevlayer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// This file holds the tree of errors:
//
//	HevlayerError           every error of this package
//	├ APIError              the server answered with an error status; see the sentinels
//	├ APIConnectionError    no complete answer arrived
//	│ └ APITimeoutError     because a time limit passed
//	├ CancelledError        the caller's context ended
//	├ ResponseError         a success whose body cannot be decoded
//	├ PageError             a listing came back to a cursor it had already given
//	├ JobFailedError        the job that was waited for failed
//	├ WaitTimeoutError      the job that was waited for had not ended when the wait did
//	└ ConfigError           an option, a variable or an argument that cannot be used; nothing was sent
//
// Each type embeds HevlayerError and unwraps to it and to its cause, so errors.As finds any level of the tree.

// HevlayerError is what all errors of this package have in common. Fields that do not apply are zero.
type HevlayerError struct {
	// StatusCode is the HTTP status, 0 when there was no answer.
	StatusCode int
	// Kind is the gateway's machine code, such as "not_found"; empty for answers that Turbopuffer produced.
	Kind ErrorCode
	// Message says what is wrong, for people.
	Message string
	// Body is the answer as it came: whole when it is JSON, else its first 64 KiB.
	Body []byte
	// Header holds the headers of the answer.
	Header http.Header
	// RequestID is the answer's x-request-id.
	RequestID string
	// RetryAfter is how long the server asked to wait; 0 when it did not say.
	RetryAfter time.Duration
	// Attempts is how many requests were made.
	Attempts int
	// Feature is a stable id of what the store cannot do, with the kind "UnsupportedByStore".
	Feature string
	// Reason says why a key was refused, with the kinds "unauthorized" and "forbidden".
	Reason string
	// RequiredScope is the scope that a key lacks, with the kind "forbidden".
	RequiredScope string
	// OperationID is the operation, as in "queryNamespace".
	OperationID string
	// Method and Route are the HTTP method and the path template, as in "/v2/namespaces/{namespace}/query".
	Method, Route string

	cause error
}

// Error names the operation, the status and the problem.
func (e *HevlayerError) Error() string {
	var text strings.Builder
	text.WriteString("hevlayer: ")
	if e.OperationID != "" {
		text.WriteString(e.OperationID + ": ")
	}
	if e.StatusCode != 0 {
		fmt.Fprintf(&text, "status %d: ", e.StatusCode)
	}
	if e.Kind != "" {
		text.WriteString(string(e.Kind) + ": ")
	}
	text.WriteString(e.Message)
	return text.String()
}

// chain is what a type of the tree unwraps to: its embedded base, and what caused it.
func (e *HevlayerError) chain() []error {
	if e.cause == nil {
		return []error{e}
	}
	return []error{e, e.cause}
}

// base gives the parts of this package access to the common fields of every error in the tree.
func (e *HevlayerError) base() *HevlayerError { return e }

// treeError is any error of the tree.
type treeError interface {
	error
	base() *HevlayerError
}

// APIError says that the server answered with an error status.
type APIError struct{ HevlayerError }

// Unwrap leads to the HevlayerError.
func (e *APIError) Unwrap() []error { return e.chain() }

// Is says whether the answer is of the sentinel's kind.
func (e *APIError) Is(target error) bool {
	kind, ok := target.(statusError)
	return ok && kind.matches(e)
}

// APIConnectionError says that no complete answer arrived: the server could not be reached or the connection broke.
type APIConnectionError struct {
	HevlayerError
	// unreached: the request surely was not processed, since no connection was there to carry it.
	unreached bool
	// unanswered: the connection broke before any part of an answer arrived.
	unanswered bool
}

// Unwrap leads to the HevlayerError and to the transport's own error.
func (e *APIConnectionError) Unwrap() []error { return e.chain() }

// APITimeoutError says that a time limit of the client passed. It is an APIConnectionError too.
type APITimeoutError struct{ APIConnectionError }

// Unwrap leads to the APIConnectionError, the HevlayerError and the transport's own error.
func (e *APITimeoutError) Unwrap() []error { return []error{&e.APIConnectionError} }

// Timeout is true, as net.Error has it.
func (e *APITimeoutError) Timeout() bool { return true }

// CancelledError says that the caller's context ended. errors.Is finds context.Canceled or context.DeadlineExceeded, and
// the context's cause.
type CancelledError struct{ HevlayerError }

// Unwrap leads to the HevlayerError and to the context's error and cause.
func (e *CancelledError) Unwrap() []error { return e.chain() }

// ResponseError says that the status was a success and the body was empty, no JSON, or of another shape.
type ResponseError struct{ HevlayerError }

// Unwrap leads to the HevlayerError and to the decoder's own error.
func (e *ResponseError) Unwrap() []error { return e.chain() }

// PageError says that a listing gave a cursor a second time, so that iterating would never end.
type PageError struct {
	HevlayerError
	// Cursor is the repeated cursor.
	Cursor string
}

// Unwrap leads to the HevlayerError.
func (e *PageError) Unwrap() []error { return e.chain() }

// JobFailedError says that the job that was waited for failed.
type JobFailedError struct {
	HevlayerError
	// Job is the job as it ended, of the type that the method returns.
	Job any
}

// Unwrap leads to the HevlayerError.
func (e *JobFailedError) Unwrap() []error { return e.chain() }

// WaitTimeoutError says that the job that was waited for had not ended at the end of the wait; it runs on.
type WaitTimeoutError struct {
	HevlayerError
	// Job is the job as it was last seen, of the type that the method returns; nil when no request was answered.
	Job any
}

// Unwrap leads to the HevlayerError and to the failure of the last request, if it failed.
func (e *WaitTimeoutError) Unwrap() []error { return e.chain() }

// Timeout is true, as net.Error has it.
func (e *WaitTimeoutError) Timeout() bool { return true }

// ConfigError says that an option, an environment variable or an argument cannot be used. Nothing was sent.
type ConfigError struct{ HevlayerError }

// Unwrap leads to the HevlayerError and to the cause, if any.
func (e *ConfigError) Unwrap() []error { return e.chain() }

func configError(format string, args ...any) *ConfigError {
	err := fmt.Errorf(format, args...)
	return &ConfigError{HevlayerError{Message: err.Error(), cause: errors.Unwrap(err)}}
}

// statusError is a sentinel: a status, a range of statuses or a code.
type statusError struct {
	text     string
	from, to int
	kind     ErrorCode
}

func (s statusError) Error() string { return "hevlayer: " + s.text }

func (s statusError) matches(e *APIError) bool {
	if s.kind != "" {
		return e.Kind == s.kind
	}
	return e.StatusCode >= s.from && e.StatusCode <= s.to
}

// Sentinels for errors.Is, one for each status that callers tell apart.
var (
	// ErrBadRequest is status 400.
	ErrBadRequest error = statusError{text: "bad request", from: 400, to: 400}
	// ErrAuthentication is status 401: no key, or an unknown one.
	ErrAuthentication error = statusError{text: "authentication failed", from: 401, to: 401}
	// ErrPermissionDenied is status 403: the key is known and may not do this.
	ErrPermissionDenied error = statusError{text: "permission denied", from: 403, to: 403}
	// ErrNotFound is status 404.
	ErrNotFound error = statusError{text: "not found", from: 404, to: 404}
	// ErrConflict is status 409.
	ErrConflict error = statusError{text: "conflict", from: 409, to: 409}
	// ErrTooLarge is status 413: the body is larger than the server takes.
	ErrTooLarge error = statusError{text: "body too large", from: 413, to: 413}
	// ErrUnprocessable is status 422: the message names the field and the rule.
	ErrUnprocessable error = statusError{text: "unprocessable", from: 422, to: 422}
	// ErrRateLimited is status 429.
	ErrRateLimited error = statusError{text: "rate limited", from: 429, to: 429}
	// ErrServer is any status from 500.
	ErrServer error = statusError{text: "server error", from: 500, to: 599}
	// ErrUnsupported is the code UnsupportedByStore, whatever the status; Feature says what is missing.
	ErrUnsupported error = statusError{text: "unsupported by the store", kind: "UnsupportedByStore"}
)

const (
	// bodyTextMax bounds, in bytes, what is kept of an error body that is not JSON.
	bodyTextMax = 64 << 10
	// messageMax bounds, in bytes, what an error message quotes of such a body.
	messageMax = 200
)

// newAPIError reads an error answer: the gateway's {"error": code, "message": text}, Turbopuffer's {"status": "error",
// "error": text}, or text that is no JSON at all.
func newAPIError(status int, header http.Header, body []byte) *APIError {
	e := &APIError{HevlayerError{StatusCode: status, Header: header, Body: body, RequestID: header.Get("X-Request-Id")}}
	var answer struct {
		Error   json.RawMessage `json:"error"`
		Message json.RawMessage `json:"message"`
		Feature json.RawMessage `json:"feature"`
		Reason  json.RawMessage `json:"reason"`
		Scope   json.RawMessage `json:"required_scope"`
	}
	if json.Unmarshal(body, &answer) == nil {
		code, message := textOf(answer.Error), textOf(answer.Message)
		// The gateway's own bodies have a message beside the code; Turbopuffer's have prose in its place.
		if !isText(answer.Message) {
			code, message = "", code
		}
		e.Kind, e.Message = ErrorCode(code), message
		e.Feature, e.Reason, e.RequiredScope = textOf(answer.Feature), textOf(answer.Reason), textOf(answer.Scope)
	} else if len(body) > bodyTextMax && !json.Valid(body) {
		e.Body = body[:bodyTextMax]
	}
	if e.Message == "" {
		e.Message = quote(body)
	}
	if e.Message == "" {
		e.Message = strings.ToLower(http.StatusText(status))
	}
	return e
}

// isText says whether a field is a string, if an empty one.
func isText(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '"' }

// textOf is a field's text when it is a string: a server may put anything there.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// quote is the beginning of a body, at most messageMax bytes, as one line.
func quote(body []byte) string {
	if len(body) > messageMax {
		body = body[:messageMax]
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "")), " ")
}
