package hevlayer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestEachStatusMatchesItsSentinelAlone(t *testing.T) {
	sentinels := map[error]int{
		ErrBadRequest: 400, ErrAuthentication: 401, ErrPermissionDenied: 403, ErrNotFound: 404, ErrConflict: 409,
		ErrTooLarge: 413, ErrUnprocessable: 422, ErrRateLimited: 429, ErrServer: 501,
	}
	for _, status := range []int{400, 401, 403, 404, 409, 413, 422, 429, 501, 418} {
		server := serve(t, reply{status: status, body: `{"error":"some_code","message":"some text"}`})
		client, _ := testClient(t, server.URL, WithMaxRetries(0))
		err := read(client)
		for sentinel, of := range sentinels {
			if errors.Is(err, sentinel) != (of == status) {
				t.Errorf("%d: errors.Is(%v) is wrong", status, sentinel)
			}
		}
		var base *HevlayerError
		var api *APIError
		if !errors.As(err, &base) || !errors.As(err, &api) {
			t.Fatalf("%d: got %T", status, err)
		}
		equal(t, "status", base.StatusCode, status)
		equal(t, "kind", base.Kind, "some_code")
		equal(t, "message", base.Message, "some text")
		equal(t, "operation", base.OperationID, "getNamespaceMetadata")
		equal(t, "method", base.Method, "GET")
		equal(t, "route", base.Route, "/v2/namespaces/{namespace}/metadata")
		equal(t, "text", err.Error(), fmt.Sprintf("hevlayer: getNamespaceMetadata: status %d: some_code: some text", status))
	}
}

func TestAnErrorBodyIsReadWhateverItsShape(t *testing.T) {
	long := strings.Repeat("ü<p>\n", 40_000)
	cases := []struct {
		name, body, message string
		kind                ErrorCode
		bodyLength          int
	}{
		{"gateway", `{"error":"UnsupportedByStore","message":"no","feature":"rerank"}`, "no", "UnsupportedByStore", -1},
		{"turbopuffer", `{"status":"error","error":"namespace 'x' was not found"}`, "namespace 'x' was not found", "", -1},
		{"a word without a message", `{"error":"timeout"}`, "timeout", "", -1},
		{"other types", `{"error":{"a":1},"message":5}`, `{"error":{"a":1},"message":5}`, "", -1},
		{"an array", `["x"]`, `["x"]`, "", -1},
		{"html", "<html>\n  <b>Bad Gateway</b>\n</html>", "<html> <b>Bad Gateway</b> </html>", "", -1},
		{"nothing", "", "unprocessable entity", "", 0},
		{"long text", long, "", "", bodyTextMax},
		{"not utf-8", "\xff\xfe!", "!", "", -1},
	}
	for _, c := range cases {
		server := serve(t, reply{status: 422, body: c.body, header: map[string]string{"x-request-id": "r9"}})
		client, _ := testClient(t, server.URL)
		var got *HevlayerError
		if err := read(client); !errors.As(err, &got) {
			t.Fatalf("%s: got %v", c.name, err)
		}
		equal(t, c.name+" kind", got.Kind, c.kind)
		equal(t, c.name+" request id", got.RequestID, "r9")
		if c.message != "" {
			equal(t, c.name+" message", got.Message, c.message)
		}
		if len(got.Message) > messageMax {
			t.Errorf("%s: a message of %d bytes", c.name, len(got.Message))
		}
		if c.bodyLength < 0 {
			c.bodyLength = len(c.body)
		}
		equal(t, c.name+" body", len(got.Body), c.bodyLength)
	}
}

func TestUnsupportedIsKnownByItsCode(t *testing.T) {
	server := serve(t, reply{status: 400, body: `{"error":"UnsupportedByStore","message":"no","feature":"rerank"}`})
	client, _ := testClient(t, server.URL)
	err := read(client)
	var base *HevlayerError
	if !errors.Is(err, ErrUnsupported) || !errors.As(err, &base) {
		t.Fatalf("got %v", err)
	}
	equal(t, "feature", base.Feature, "rerank")
}

func TestARefusedKeySaysWhy(t *testing.T) {
	server := serve(t, reply{status: 403, body: `{"error":"forbidden","reason":"insufficient_scope","required_scope":"write","message":"no"}`})
	client, _ := testClient(t, server.URL)
	var base *HevlayerError
	if err := read(client); !errors.Is(err, ErrPermissionDenied) || !errors.As(err, &base) {
		t.Fatalf("got %v", err)
	}
	equal(t, "reason", base.Reason, "insufficient_scope")
	equal(t, "scope", base.RequiredScope, "write")
}

func TestASuccessThatCannotBeDecodedIsAResponseError(t *testing.T) {
	for _, body := range []string{"", "null", "[]", `"x"`, "<html>", `{"layer":5}`, `{"id":`} {
		server := serve(t, reply{status: 200, body: body})
		client, _ := testClient(t, server.URL)
		err := read(client)
		var response *ResponseError
		if !errors.As(err, &response) || errors.Unwrap(err) != nil && err.Error() == "" {
			t.Errorf("%q: got %v", body, err)
			continue
		}
		equal(t, "status", response.StatusCode, 200)
		equal(t, "body", string(response.Body), body)
		equal(t, "attempts", response.Attempts, 1)
		equal(t, "requests", len(server.sent()), 1)
		var api *APIError
		if errors.As(err, &api) {
			t.Errorf("%q: a success is no APIError", body)
		}
	}
}

func TestASuccessThatIsTooLargeIsReportedOnce(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"status":"` + strings.Repeat("x", 200) + `"}`})
	client, _ := testClient(t, server.URL, clientOption(func(s *settings) { s.responseMax = 100 }))
	var undecodable *ResponseError
	if err := read(client); !errors.As(err, &undecodable) || !strings.Contains(err.Error(), "larger than 100 bytes") {
		t.Fatalf("got %v", err)
	}
	equal(t, "status", undecodable.StatusCode, 200)
	equal(t, "attempts", undecodable.Attempts, 1)
	equal(t, "requests", len(server.sent()), 1)
}

func TestBytesThatAreNoTextAreNotReplaced(t *testing.T) {
	for _, body := range []string{"{\"status\":\"a\xffb\"}", "{\"\xc3\":1}", "{\x00\"\x00a\x00"} {
		server := serve(t, reply{status: 200, body: body})
		client, _ := testClient(t, server.URL)
		var undecodable *ResponseError
		if err := read(client); !errors.As(err, &undecodable) {
			t.Errorf("%q: got %v", body, err)
		}
	}
}

func TestAnAnswerBeyondTheErrorLimitIsCut(t *testing.T) {
	server := serve(t, reply{status: 500, body: strings.Repeat("x", errorBytesMax+10)})
	client, _ := testClient(t, server.URL, WithMaxRetries(0))
	var got *HevlayerError
	if err := read(client); !errors.As(err, &got) {
		t.Fatalf("got %v", err)
	}
	equal(t, "body", len(got.Body), bodyTextMax)
}

// linksOf is an error with all that it unwraps to.
func linksOf(err error) []error {
	links := []error{err}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapper.Unwrap(); inner != nil {
			links = append(links, linksOf(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			links = append(links, linksOf(inner)...)
		}
	}
	return links
}

func TestNothingShowsTheKeys(t *testing.T) {
	const gatewayKey, directKey = "s3cret-gateway", "s3cret-direct"
	echo := reply{status: 401, body: `{"error":"unauthorized","reason":"unknown_key","message":"key s3cret-gateway is unknown"}`,
		header: map[string]string{"X-Echo": "Bearer s3cret-gateway"}}
	server := serve(t, echo)
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client, _ := testClient(t, server.URL, WithAPIKey(gatewayKey), WithTurbopufferAPIKey(directKey), WithLogger(logger))
	errs := []error{read(client)}
	down, _ := testClient(t, closedURL(t), WithAPIKey(gatewayKey), WithLogger(logger))
	errs = append(errs, read(down))
	echoing := doerFunc(func(request *http.Request) (*http.Response, error) {
		return nil, errors.New("cannot send " + request.Header.Get("Authorization"))
	})
	for _, more := range []Option{WithTotalTimeout(time.Hour), WithTotalTimeout(time.Millisecond)} {
		odd, _ := testClient(t, "http://localhost", WithAPIKey(gatewayKey), WithHTTPClient(echoing), more)
		errs = append(errs, read(odd))
	}
	bad, _ := testClient(t, "http://user:s3cret-password@localhost", WithAPIKey(gatewayKey+"\n\x01"), WithTurbopufferAPIKey(directKey+" x"))
	errs = append(errs, read(bad))
	bad, _ = testClient(t, "http://localhost", WithAPIKey(gatewayKey+"\n\x01"))
	errs = append(errs, read(bad))

	var shown strings.Builder
	type holder struct {
		Public  *Client
		private *Client
		value   Client
	}
	for _, client := range []*Client{client, bad} {
		held := holder{client, client, *client}
		asJSON, _ := json.Marshal(held)
		fmt.Fprintf(&shown, "%v %+v %#v %s %v %+v %#v %+v %#v %s", client, client, client, client, *client, *client, *client, held, held, asJSON)
	}
	for _, err := range errs {
		if err == nil {
			t.Fatal("an error was expected")
		}
		for _, link := range linksOf(err) {
			asJSON, _ := json.Marshal(link)
			fmt.Fprintf(&shown, "%v %+v %#v %s", link, link, link, asJSON)
		}
		var base *HevlayerError
		if errors.As(errs[0], &base) {
			fmt.Fprintf(&shown, "%s %v", base.Body, base.Header)
		}
	}
	fmt.Fprintf(&shown, "%v %+v", WithAPIKey(gatewayKey), WithTurbopufferAPIKey(directKey))
	if text := shown.String() + logged.String(); strings.Contains(text, "s3cret") {
		at := strings.Index(text, "s3cret")
		t.Errorf("a key shows: …%s…", text[max(0, at-80):min(len(text), at+40)])
	}
	if !strings.Contains(logged.String(), "operation=getNamespaceMetadata") {
		t.Error("nothing was logged, so nothing was proved")
	}
}

func TestAClientNotMadeByNewClientSaysSo(t *testing.T) {
	for _, client := range []*Client{nil, {}} {
		_, err := client.GetHealth(context.Background())
		var refused *ConfigError
		if !errors.As(err, &refused) {
			t.Errorf("got %v", err)
		}
		equal(t, "text", client.String(), "hevlayer.Client(unusable)")
	}
}
