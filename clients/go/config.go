package hevlayer

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Defaults of a client; each can be changed by an option or a variable.
const (
	defaultBaseURL    = "http://localhost:8080"
	defaultDirectURL  = "https://aws-us-east-1.turbopuffer.com"
	defaultTimeout    = 30 * time.Second
	defaultMaxRetries = 3
	connectTimeout    = 5 * time.Second
	idleConnsPerHost  = 64
	retriesMax        = 100
)

// config is what the options, the environment and the defaults come to. It never changes once made.
type config struct {
	gateway target
	// direct is Turbopuffer itself; nil unless calls may go there.
	direct     *target
	timeout    time.Duration
	total      time.Duration
	maxRetries int
	headers    http.Header
	compress   compressor
	logger     *slog.Logger
	clock      clock
	jitter     func() float64
	// responseMax bounds a decoded success, in bytes.
	responseMax int64
	// problem is the first thing wrong with the options or the environment, reported by every call.
	problem error
	// secrets are the keys to be removed from whatever a server sends back.
	secrets []string
}

// target is a server to send to.
type target struct {
	// base is the URL without a trailing slash.
	base string
	key  string
	doer Doer
	// direct marks Turbopuffer itself.
	direct bool
}

// shared is what clients derived from one another have in common.
type shared struct {
	doer Doer
	// down holds, by a gateway's URL, the time.Time until which it is taken to be unreachable.
	down sync.Map
}

func (s *shared) isDown(gateway string, now time.Time) bool {
	until, known := s.down.Load(gateway)
	return known && now.Before(until.(time.Time))
}

func resolve(s *settings, common *shared) *config {
	r := &resolver{settings: s}
	c := &config{
		timeout:    r.duration(s.call.timeout, "HEVLAYER_TIMEOUT_MS", defaultTimeout),
		maxRetries: r.retries(),
		headers:    s.call.headers,
		compress:   s.compress,
		logger:     r.logger(),
		clock:      s.clock,
		jitter:     s.jitter,
	}
	if s.call.total != nil {
		c.total = *s.call.total
	}
	if c.clock == nil {
		c.clock = systemClock{}
	}
	if c.jitter == nil {
		c.jitter = rand.Float64
	}
	if c.responseMax = s.responseMax; c.responseMax == 0 {
		c.responseMax = responseBytesMax
	}
	c.gateway = target{
		base: r.baseURL("WithBaseURL", s.baseURL, "LAYER_GATEWAY_URL", defaultBaseURL),
		key:  r.key("WithAPIKey", s.apiKey, "LAYER_GATEWAY_API_KEY"),
		doer: orDefault(s.doer, common.doer),
	}
	direct := target{
		base: r.baseURL("WithTurbopufferBaseURL", s.directURL, "TURBOPUFFER_API_URL", defaultDirectURL),
		key:  r.key("WithTurbopufferAPIKey", s.directKey, "TURBOPUFFER_API_KEY"),
		doer: orDefault(s.directDoer, common.doer), direct: true,
	}
	if direct.key != "" && (s.fallback == nil || *s.fallback) {
		c.direct = &direct
	}
	for _, key := range []string{c.gateway.key, direct.key} {
		if key != "" {
			c.secrets = append(c.secrets, key)
		}
	}
	if r.problem == nil {
		r.problem = s.problem
	}
	if r.problem == nil {
		r.problem = s.call.problem
	}
	c.problem = r.problem
	return c
}

func orDefault(own, common Doer) Doer {
	if own == nil {
		return common
	}
	return own
}

// resolver reads settings in the order option, environment, default, and keeps the first problem.
type resolver struct {
	settings *settings
	problem  error
}

func (r *resolver) fail(format string, args ...any) {
	if r.problem == nil {
		r.problem = configError(format, args...)
	}
}

// env is a variable's trimmed value; empty when it is not set.
func (r *resolver) env(name string) string {
	lookup := r.settings.lookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, _ := lookup(name)
	return strings.TrimSpace(value)
}

func (r *resolver) baseURL(option, given, variable, fallback string) string {
	source, text := option, strings.TrimSpace(given)
	if text == "" {
		source, text = variable, r.env(variable)
	}
	if text == "" {
		text = fallback
	}
	parsed, err := url.Parse(text)
	switch {
	case err != nil:
		// The parser's message quotes the URL, which may hold a password.
		r.fail("%s: not a URL", source)
	case parsed.User != nil:
		r.fail("%s: a user or password in the URL is not supported; give the key as an option", source)
	case parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" || !isPort(parsed.Port()):
		r.fail("%s: %q is not an http or https URL", source, text)
	// A bare "?" or "#" shows in neither part, and would swallow every path.
	case strings.ContainsAny(text, "?#"):
		r.fail("%s: %q must not have a query or a fragment", source, text)
	}
	return strings.TrimRight(text, "/")
}

// isPort says whether a URL's port, empty for that of its scheme, is one that can be dialled.
func isPort(port string) bool {
	if port == "" {
		return true
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return err == nil && number > 0
}

func (r *resolver) key(option string, given *string, variable string) string {
	source, key := option, ""
	if given != nil {
		key = strings.TrimSpace(*given)
	} else {
		source, key = variable, r.env(variable)
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c >= 0x7f {
			r.fail("%s: the key has a character that a header cannot carry", source)
			break
		}
	}
	return key
}

func (r *resolver) duration(given *time.Duration, variable string, fallback time.Duration) time.Duration {
	if given != nil {
		return *given
	}
	text := r.env(variable)
	if text == "" {
		return fallback
	}
	millis, err := strconv.ParseInt(text, 10, 32)
	if err != nil || millis <= 0 {
		r.fail("%s: %q is not a positive number of milliseconds", variable, text)
		return fallback
	}
	return time.Duration(millis) * time.Millisecond
}

func (r *resolver) retries() int {
	const variable = "HEVLAYER_MAX_RETRIES"
	if given := r.settings.call.maxRetries; given != nil {
		return *given
	}
	text := r.env(variable)
	if text == "" {
		return defaultMaxRetries
	}
	retries, err := strconv.Atoi(text)
	if err != nil || retries < 0 || retries > retriesMax {
		r.fail("%s: %q is not a number from 0 to %d", variable, text, retriesMax)
		return defaultMaxRetries
	}
	return retries
}

func (r *resolver) logger() *slog.Logger {
	if r.settings.logger != nil {
		return r.settings.logger
	}
	level := r.env("HEVLAYER_LOG")
	minimum, known := map[string]slog.Level{
		"": slog.LevelWarn, "off": levelOff, "error": slog.LevelError, "warn": slog.LevelWarn,
		"info": slog.LevelInfo, "debug": slog.LevelDebug,
	}[level]
	if !known {
		r.fail("HEVLAYER_LOG: %q is not off, error, warn, info or debug", level)
	}
	return slog.New(levelHandler{minimum})
}

// levelOff is above every level in use.
const levelOff = slog.LevelError + 100

// levelHandler passes records from a level up to the default logger of the moment.
type levelHandler struct{ minimum slog.Level }

func (h levelHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.minimum && slog.Default().Handler().Enabled(ctx, level)
}

func (h levelHandler) Handle(ctx context.Context, record slog.Record) error {
	return slog.Default().Handler().Handle(ctx, record)
}

func (h levelHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h levelHandler) WithGroup(string) slog.Handler      { return h }

type systemClock struct{}

func (systemClock) now() time.Time { return time.Now() }

func (systemClock) sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newHTTPClient makes the default HTTP client: a pool of its own, a connect limit, and no key for strangers.
func newHTTPClient() *http.Client {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   idleConnsPerHost,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	return &http.Client{Transport: transport, CheckRedirect: checkRedirect}
}
