package hevlayer

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// This file holds what the tests share: a server that answers by script and remembers what it was sent, and a clock that
// never waits.

// reply is one scripted answer.
type reply struct {
	status int
	header map[string]string
	body   string
	// cut closes the connection: before any answer when status is 0, else after the body, which is announced as longer.
	cut bool
	// stall keeps the answer open until the client goes away: before the headers when status is 0, else after the body.
	stall bool
}

type recorded struct {
	method, target, body string
	header               http.Header
}

type faultServer struct {
	*httptest.Server
	mutex    sync.Mutex
	replies  []reply
	requests []recorded
}

// serve answers with replies in turn; the last one repeats.
func serve(t *testing.T, replies ...reply) *faultServer {
	t.Helper()
	s := &faultServer{replies: replies}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Server.Close)
	return s
}

func (s *faultServer) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mutex.Lock()
	s.requests = append(s.requests, recorded{r.Method, r.RequestURI, string(body), r.Header.Clone()})
	next := s.replies[min(len(s.requests), len(s.replies))-1]
	s.mutex.Unlock()
	for name, value := range next.header {
		w.Header().Set(name, value)
	}
	switch {
	case next.cut && next.status == 0:
		abort(w)
	case next.stall && next.status == 0:
		<-r.Context().Done()
	case next.cut:
		w.Header().Set("Content-Length", fmt.Sprint(len(next.body)+100))
		w.WriteHeader(next.status)
		fmt.Fprint(w, next.body)
	case next.stall:
		w.WriteHeader(next.status)
		fmt.Fprint(w, next.body)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	default:
		w.WriteHeader(next.status)
		fmt.Fprint(w, next.body)
	}
}

// abort resets the connection instead of closing it.
func abort(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_ = connection.(*net.TCPConn).SetLinger(0)
	_ = connection.Close()
}

func (s *faultServer) sent() []recorded {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]recorded(nil), s.requests...)
}

func (s *faultServer) last(t *testing.T) recorded {
	t.Helper()
	sent := s.sent()
	if len(sent) == 0 {
		t.Fatal("the server was sent nothing")
	}
	return sent[len(sent)-1]
}

// fakeClock stands still but for its sleeps, which take no time.
type fakeClock struct {
	mutex sync.Mutex
	time  time.Time
	waits []time.Duration
}

func newFakeClock() *fakeClock { return &fakeClock{time: time.Unix(1_700_000_000, 0)} }

func (c *fakeClock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.time
}

func (c *fakeClock) sleep(ctx context.Context, wait time.Duration) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.waits = append(c.waits, wait)
	c.time = c.time.Add(wait)
	return ctx.Err()
}

func withClock(c clock) Option { return clientOption(func(s *settings) { s.clock = c }) }

// withFullJitter makes every wait as long as it can be.
func withFullJitter() Option {
	return clientOption(func(s *settings) { s.jitter = func() float64 { return 1 } })
}

// withEnv replaces the environment.
func withEnv(variables map[string]string) Option {
	return clientOption(func(s *settings) {
		s.lookupEnv = func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		}
	})
}

// testClient talks to url with a fake clock and an empty environment.
func testClient(t *testing.T, url string, options ...Option) (*Client, *fakeClock) {
	t.Helper()
	clock := newFakeClock()
	base := []Option{withEnv(nil), withClock(clock), withFullJitter(), WithBaseURL(url), WithAPIKey("gateway-key")}
	client := NewClient(append(base, options...)...)
	t.Cleanup(client.CloseIdleConnections)
	return client, clock
}

// closedURL is an address that refuses connections.
func closedURL(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
