package hevlayer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const okStatus = `{"status":"OK"}`

// read, idempotent and once call one operation of each safety.
func read(c *Client, opts ...RequestOption) error {
	_, err := c.GetNamespaceMetadata(context.Background(), "n", opts...)
	return err
}

func idempotent(c *Client, opts ...RequestOption) error {
	_, err := c.DeleteNamespace(context.Background(), "n", opts...)
	return err
}

func once(c *Client, opts ...RequestOption) error {
	_, err := c.WriteNamespace(context.Background(), "n", &WriteRequest{Deletes: []DocumentID{1}}, opts...)
	return err
}

func TestAReadIsRetriedUntilItSucceeds(t *testing.T) {
	// A kept connection that breaks is replaced by net/http itself, so the one before the cut is not kept.
	busy := reply{status: 503, header: map[string]string{"Connection": "close"}}
	server := serve(t, busy, reply{cut: true}, reply{status: 200, body: `{`, cut: true}, reply{status: 200, body: `{"id":"n","layer":{}}`})
	client, clock := testClient(t, server.URL)
	if err := read(client); err != nil {
		t.Fatal(err)
	}
	equal(t, "requests", len(server.sent()), 4)
	if want := []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}; !slices.Equal(clock.waits, want) {
		t.Errorf("waits %v", clock.waits)
	}
}

func TestRetriesStopAtTheirLimit(t *testing.T) {
	server := serve(t, reply{status: 502, body: `{"error":"upstream_error","message":"refused"}`})
	client, clock := testClient(t, server.URL)
	err := read(client)
	var status *APIError
	if !errors.As(err, &status) {
		t.Fatalf("got %v", err)
	}
	equal(t, "attempts", status.Attempts, 4)
	equal(t, "requests", len(server.sent()), 4)
	equal(t, "waits", len(clock.waits), 3)
	_ = read(client, WithMaxRetries(0))
	equal(t, "requests without retries", len(server.sent()), 5)
	_ = read(client.WithOptions(WithMaxRetries(9)))
	equal(t, "longest wait", slices.Max(clock.waits), 8*time.Second)
}

func TestJitterTakesUpToHalfOfAWait(t *testing.T) {
	server := serve(t, reply{status: 500})
	client, clock := testClient(t, server.URL, clientOption(func(s *settings) { s.jitter = func() float64 { return 0 } }))
	_ = read(client, WithMaxRetries(1))
	equal(t, "wait", clock.waits[0], 125*time.Millisecond)
}

func TestStatusesAreRetriedByTheSafetyOfTheOperation(t *testing.T) {
	header := func(name, value string) map[string]string { return map[string]string{name: value} }
	cases := []struct {
		name                   string
		reply                  reply
		read, idempotent, once bool
	}{
		{"408", reply{status: 408}, true, true, false},
		{"429", reply{status: 429}, true, true, true},
		{"500", reply{status: 500}, true, true, false},
		{"502", reply{status: 502}, true, true, false},
		{"503", reply{status: 503}, true, true, false},
		{"503 with Retry-After", reply{status: 503, header: header("Retry-After", "1")}, true, true, true},
		{"504", reply{status: 504}, true, true, false},
		{"400", reply{status: 400}, false, false, false},
		{"404", reply{status: 404}, false, false, false},
		{"409", reply{status: 409}, false, false, false},
		{"501", reply{status: 501}, false, false, false},
		{"cache_cold", reply{status: 503, body: `{"error":"cache_cold","message":"m"}`, header: header("Retry-After", "1")}, false, false, false},
		{"gateway_draining", reply{status: 503, body: `{"error":"gateway_draining","message":"m"}`}, true, true, false},
		{"x-should-retry true", reply{status: 409, header: header("x-should-retry", "true")}, true, true, true},
		{"x-should-retry true on a code that never helps", reply{status: 503, body: `{"error":"cache_cold","message":"no"}`, header: header("x-should-retry", "true")}, false, false, false},
		{"x-should-retry false", reply{status: 503, header: header("x-should-retry", "false")}, false, false, false},
		{"a cut connection", reply{cut: true}, true, true, false},
		{"a cut body", reply{status: 200, body: "{", cut: true}, true, true, false},
		{"a broken body", reply{status: 200, body: "{"}, false, false, false},
	}
	for _, c := range cases {
		for name, run := range map[string]struct {
			call  func(*Client, ...RequestOption) error
			again bool
		}{"read": {read, c.read}, "idempotent": {idempotent, c.idempotent}, "once": {once, c.once}} {
			server := serve(t, c.reply)
			client, _ := testClient(t, server.URL)
			if err := run.call(client, WithMaxRetries(1)); err == nil {
				t.Errorf("%s, %s: no error", c.name, name)
			}
			if again := len(server.sent()) == 2; again != run.again {
				t.Errorf("%s, %s: %d requests", c.name, name, len(server.sent()))
			}
		}
	}
}

func TestEveryAttemptSendsTheSameBytes(t *testing.T) {
	server := serve(t, reply{status: 429}, reply{status: 429}, reply{status: 200, body: okStatus})
	client, _ := testClient(t, server.URL)
	if err := once(client); err != nil {
		t.Fatal(err)
	}
	for _, sent := range server.sent() {
		equal(t, "body", sent.body, `{"deletes":[1]}`)
	}
}

func TestARefusedConnectionIsRetriedEvenForAWrite(t *testing.T) {
	client, clock := testClient(t, closedURL(t))
	err := once(client)
	var connection *APIConnectionError
	if !errors.As(err, &connection) {
		t.Fatalf("got %v", err)
	}
	equal(t, "attempts", connection.Attempts, 4)
	equal(t, "waits", len(clock.waits), 3)
	if !strings.Contains(err.Error(), "writeNamespace: ") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

func TestAnHTTPClientThatReportsNoConnectionsIsJudgedByItsErrors(t *testing.T) {
	var calls int
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	client, _ := testClient(t, "http://localhost", WithHTTPClient(doerFunc(func(*http.Request) (*http.Response, error) {
		calls++
		if calls == 1 {
			return nil, refused
		}
		return nil, errors.New("broken pipe")
	})))
	err := once(client)
	equal(t, "the first is tried again, the second is not", calls, 2)
	if !strings.Contains(err.Error(), "broken pipe") {
		t.Errorf("got %v", err)
	}
}

type doerFunc func(*http.Request) (*http.Response, error)

func (f doerFunc) Do(request *http.Request) (*http.Response, error) { return f(request) }

func TestRetryAfterIsObeyedUpToAMinute(t *testing.T) {
	now := newFakeClock().now()
	cases := []struct {
		header, value string
		want          time.Duration
		again         bool
	}{
		{"Retry-After", "2", 2 * time.Second, true},
		{"Retry-After", "0.25", 250 * time.Millisecond, true},
		{"Retry-After", "0", 0, true},
		{"Retry-After", "60", time.Minute, true},
		{"Retry-After", "61", 61 * time.Second, false},
		{"Retry-After", "1e300", 1e9 * time.Second, false},
		{"Retry-After", "1e999", 250 * time.Millisecond, true},
		{"Retry-After", "0x10", 250 * time.Millisecond, true},
		{"Retry-After", "1_0", 250 * time.Millisecond, true},
		{"Retry-After", "", 250 * time.Millisecond, true},
		{"Retry-After", now.Add(3 * time.Second).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), 3 * time.Second, true},
		{"Retry-After", now.Add(-time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"), 0, true},
		{"retry-after-ms", "40", 40 * time.Millisecond, true},
		{"Retry-After", "soon", 250 * time.Millisecond, true},
		{"Retry-After", "-1", 250 * time.Millisecond, true},
		{"Retry-After", "Infinity", 250 * time.Millisecond, true},
		{"Retry-After", "NaN", 250 * time.Millisecond, true},
	}
	for _, c := range cases {
		server := serve(t, reply{status: 429, header: map[string]string{c.header: c.value}}, reply{status: 200, body: okStatus})
		client, clock := testClient(t, server.URL)
		err := read(client)
		if c.again {
			if err != nil || len(clock.waits) != 1 || clock.waits[0] != c.want {
				t.Errorf("%s %s: waits %v, error %v", c.header, c.value, clock.waits, err)
			}
			continue
		}
		var status *APIError
		if !errors.As(err, &status) || status.RetryAfter != c.want || len(clock.waits) != 0 {
			t.Errorf("%s %s: waits %v, error %v", c.header, c.value, clock.waits, err)
		}
	}
}

func TestRetryAfterIsReadWhereTheMillisecondsAreNone(t *testing.T) {
	for _, bad := range []string{"-5", "soon", ""} {
		header := map[string]string{"Retry-After-Ms": bad, "Retry-After": "2"}
		server := serve(t, reply{status: 429, header: header}, reply{status: 200, body: okStatus})
		client, clock := testClient(t, server.URL)
		if err := read(client); err != nil || len(clock.waits) != 1 || clock.waits[0] != 2*time.Second {
			t.Errorf("%q: waits %v, error %v", bad, clock.waits, err)
		}
	}
}

func TestAnAttemptIsLimitedUntilTheEndOfItsBody(t *testing.T) {
	for name, stalled := range map[string]reply{"headers": {stall: true}, "body": {status: 200, body: `{"sta`, stall: true}} {
		server := serve(t, stalled)
		client, _ := testClient(t, server.URL, WithTimeout(30*time.Millisecond), WithMaxRetries(1))
		err := read(client)
		var timeout *APITimeoutError
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Fatalf("%s: got %v", name, err)
		}
		equal(t, "attempts", timeout.Attempts, 2)
		var connection *APIConnectionError
		if !errors.As(err, &connection) || !strings.Contains(err.Error(), "within 30ms") {
			t.Errorf("%s: got %v", name, err)
		}
		// The server may be at work: a write is not sent again.
		_ = once(client)
		equal(t, "requests", len(server.sent()), 3)
	}
}

func TestATotalTimeoutCoversAttemptsAndWaits(t *testing.T) {
	server := serve(t, reply{status: 503})
	client, _ := testClient(t, server.URL, withClock(systemClock{}), WithMaxRetries(50))
	started := time.Now()
	err := read(client, WithTotalTimeout(60*time.Millisecond))
	var timeout *APITimeoutError
	if !errors.As(err, &timeout) || !strings.Contains(err.Error(), "total timeout of 60ms") {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	if !errors.Is(err, ErrServer) {
		t.Errorf("the last failure is not in the chain of %v", err)
	}

	// A wait that the limit would cut short is not begun.
	started = time.Now()
	later := serve(t, reply{status: 503, header: map[string]string{"Retry-After": "30"}})
	client, _ = testClient(t, later.URL, withClock(systemClock{}))
	if err = read(client, WithTotalTimeout(10*time.Second)); !errors.As(err, &timeout) || !errors.Is(err, ErrServer) {
		t.Fatalf("got %v", err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("took %s", took)
	}

	stalled := serve(t, reply{stall: true})
	client, _ = testClient(t, stalled.URL)
	if err = read(client, WithTotalTimeout(30*time.Millisecond)); !errors.As(err, &timeout) {
		t.Fatalf("got %v", err)
	}
	equal(t, "requests", len(stalled.sent()), 1)
}

func TestCancellingEndsAnAttemptAndAWaitAtOnce(t *testing.T) {
	stalled := serve(t, reply{stall: true})
	half := serve(t, reply{status: 200, body: `{`, stall: true})
	failing := serve(t, reply{status: 503, header: map[string]string{"Retry-After": "30"}})
	reason := errors.New("the user left")
	for name, server := range map[string]*faultServer{"headers": stalled, "body": half, "backoff": failing} {
		client, _ := testClient(t, server.URL, withClock(systemClock{}))
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(30*time.Millisecond, func() { cancel(reason) })
		started := time.Now()
		_, err := client.GetNamespaceMetadata(ctx, "n")
		if took := time.Since(started); took > time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		var ended *CancelledError
		if !errors.As(err, &ended) || !errors.Is(err, context.Canceled) || !errors.Is(err, reason) {
			t.Errorf("%s: got %v", name, err)
		}
		equal(t, "requests", len(server.sent()), 1)
	}
}

func TestACallersDeadlineIsACancellationAndAnEndedContextSendsNothing(t *testing.T) {
	server := serve(t, reply{stall: true})
	client, _ := testClient(t, server.URL)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	for range 2 {
		_, err := client.GetNamespaceMetadata(ctx, "n")
		var ended *CancelledError
		if !errors.As(err, &ended) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
	equal(t, "requests", len(server.sent()), 1)
}
