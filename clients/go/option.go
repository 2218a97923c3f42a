package hevlayer

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Option sets up a client. A value that cannot be used is reported by the first call, as a ConfigError.
type Option interface{ applyClient(*settings) }

// RequestOption changes a single call.
type RequestOption interface{ applyCall(*callSettings) }

// CallOption may be given to NewClient, for all calls, and to a single call, where it wins.
type CallOption interface {
	Option
	RequestOption
}

// Doer sends one HTTP request. It must obey the request's context, as *http.Client does.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// settings is what the options of a client say; nil means not given, so that the environment and the defaults apply.
type settings struct {
	baseURL    string
	apiKey     *string
	directURL  string
	directKey  *string
	fallback   *bool
	doer       Doer
	directDoer Doer
	logger     *slog.Logger
	compress   compressor
	call       callSettings
	lookupEnv  func(string) (string, bool)
	clock      clock
	jitter     func() float64
	// responseMax is for tests; 0 means the default.
	responseMax int64
	problem     error
}

// clock is the time that retries and the memory of a gateway that is down go by.
type clock interface {
	now() time.Time
	// sleep waits, or returns the context's error as soon as it ends.
	sleep(ctx context.Context, wait time.Duration) error
}

// callSettings is what applies to one call. Zero pointers mean not given.
type callSettings struct {
	timeout    *time.Duration
	total      *time.Duration
	maxRetries *int
	headers    http.Header
	query      url.Values
	problem    error
}

type clientOption func(*settings)

func (o clientOption) applyClient(s *settings) { o(s) }

type requestOption func(*callSettings)

func (o requestOption) applyCall(s *callSettings) { o(s) }

type callOption func(*callSettings)

func (o callOption) applyClient(s *settings)   { o(&s.call) }
func (o callOption) applyCall(s *callSettings) { o(s) }

// WithBaseURL sets the gateway's URL, http or https, with a path prefix if it has one. Default: the variable
// LAYER_GATEWAY_URL, else http://localhost:8080. An empty value counts as not given.
func WithBaseURL(url string) Option { return clientOption(func(s *settings) { s.baseURL = url }) }

// WithAPIKey sets the bearer token for the gateway. Default: the variable LAYER_GATEWAY_API_KEY. A blank key sends none.
func WithAPIKey(key string) Option { return clientOption(func(s *settings) { s.apiKey = &key }) }

// WithTurbopufferAPIKey sets the store's own key, used only when a call goes to Turbopuffer directly because the gateway
// cannot be reached. Default: the variable TURBOPUFFER_API_KEY. A blank key means none, and so no direct calls.
func WithTurbopufferAPIKey(key string) Option {
	return clientOption(func(s *settings) { s.directKey = &key })
}

// WithTurbopufferBaseURL sets where direct calls go. Default: the variable TURBOPUFFER_API_URL, else
// https://aws-us-east-1.turbopuffer.com. An empty value counts as not given.
func WithTurbopufferBaseURL(url string) Option {
	return clientOption(func(s *settings) { s.directURL = url })
}

// WithFallbackToTurbopuffer allows or forbids direct calls when the gateway cannot be reached. Default true; they also
// need a Turbopuffer key.
func WithFallbackToTurbopuffer(allowed bool) Option {
	return clientOption(func(s *settings) { s.fallback = &allowed })
}

// WithHTTPClient sends the calls to the gateway through client, whose own timeouts and proxy then apply, and its redirect
// rules where it has a CheckRedirect. Default: a pooled client with a connect limit of 5 s. Without rules of its own, reads
// follow up to ten redirects, at another origin without the key and the headers of WithHeader, and writes follow none.
func WithHTTPClient(client Doer) Option {
	return clientOption(func(s *settings) { s.doer = s.checkDoer("WithHTTPClient", client) })
}

// WithTurbopufferHTTPClient is WithHTTPClient for direct calls.
func WithTurbopufferHTTPClient(client Doer) Option {
	return clientOption(func(s *settings) { s.directDoer = s.checkDoer("WithTurbopufferHTTPClient", client) })
}

func (s *settings) checkDoer(option string, client Doer) Doer {
	if httpClient, ok := client.(*http.Client); client == nil || ok && httpClient == nil {
		s.problem = configError("%s: the client is nil", option)
		return nil
	}
	return ruled(client)
}

// WithLogger sets where warnings go (a call fell through to Turbopuffer), and notes on retries (level info) and requests
// (level debug). Default: slog.Default() from the level in the variable HEVLAYER_LOG: off, error, warn (the default),
// info or debug.
func WithLogger(logger *slog.Logger) Option {
	return clientOption(func(s *settings) {
		if logger == nil {
			s.problem = configError("WithLogger: the logger is nil")
		}
		s.logger = logger
	})
}

// WithTimeout limits each attempt: connecting, sending, and reading the whole answer. Default: the variable
// HEVLAYER_TIMEOUT_MS, else 30 s.
func WithTimeout(limit time.Duration) CallOption {
	return callOption(func(s *callSettings) {
		if limit <= 0 {
			s.problem = configError("WithTimeout: %s is not a positive duration", limit)
		}
		s.timeout = &limit
	})
}

// WithTotalTimeout limits the whole call: all attempts and the waits between them. Default none.
func WithTotalTimeout(limit time.Duration) CallOption {
	return callOption(func(s *callSettings) {
		if limit <= 0 {
			s.problem = configError("WithTotalTimeout: %s is not a positive duration", limit)
		}
		s.total = &limit
	})
}

// WithMaxRetries sets how often a call is retried after its first attempt, 0 to 100. Default: the variable
// HEVLAYER_MAX_RETRIES, else 3.
func WithMaxRetries(retries int) CallOption {
	return callOption(func(s *callSettings) {
		if retries < 0 || retries > retriesMax {
			s.problem = configError("WithMaxRetries: %d is not between 0 and %d", retries, retriesMax)
		}
		s.maxRetries = &retries
	})
}

// ownHeaders are the request headers that are set here or by net/http; another value would have no effect, or break one.
var ownHeaders = map[string]string{
	"Authorization":     "WithAPIKey sets it",
	"Connection":        "connections are the HTTP client's",
	"Host":              "WithBaseURL sets it",
	"Accept-Encoding":   "answers are decompressed here",
	"Content-Encoding":  "WithGzipRequests sets it",
	"Content-Length":    "the body sets it",
	"Transfer-Encoding": "the body sets it",
}

// WithHeader adds a header to requests to the gateway; calls that go to Turbopuffer directly do not carry it. Headers that
// follow from other options or from the body are refused.
func WithHeader(name, value string) CallOption {
	return callOption(func(s *callSettings) {
		if reason, own := ownHeaders[http.CanonicalHeaderKey(name)]; own {
			s.problem = configError("WithHeader: %s cannot be given: %s", name, reason)
		} else if !isToken(name) || !isHeaderText(value) {
			s.problem = configError("WithHeader: %q with its value is not a header", name)
		}
		s.headers = s.headers.Clone()
		if s.headers == nil {
			s.headers = http.Header{}
		}
		s.headers.Set(name, value)
	})
}

// isHeaderText says whether a value is printable ASCII, with spaces and tabs: the rest arrives garbled, or as a second header.
func isHeaderText(value string) bool {
	return !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c >= 0x7f })
}

func isToken(name string) bool {
	const signs = "!#$%&'*+-.^_`|~"
	for _, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune(signs, c) {
			return false
		}
	}
	return name != ""
}

// WithQuery adds a query parameter that the operation's parameters have no field for.
func WithQuery(name, value string) RequestOption {
	return requestOption(func(s *callSettings) {
		if s.query == nil {
			s.query = url.Values{}
		}
		s.query.Add(name, value)
	})
}
