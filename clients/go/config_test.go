package hevlayer

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestOptionsWinOverVariablesAndVariablesOverDefaults(t *testing.T) {
	plain := NewClient(withEnv(nil)).config
	equal(t, "default gateway", plain.gateway.base, "http://localhost:8080")
	equal(t, "default key", plain.gateway.key, "")
	equal(t, "default timeout", plain.timeout, 30*time.Second)
	equal(t, "default retries", plain.maxRetries, 3)
	equal(t, "no direct calls without a key", plain.direct == nil, true)

	variables := withEnv(map[string]string{
		"LAYER_GATEWAY_URL": "https://env.example/p/", "LAYER_GATEWAY_API_KEY": " env-key ", "TURBOPUFFER_API_KEY": "env-direct",
		"TURBOPUFFER_API_URL": "https://direct.example/", "HEVLAYER_TIMEOUT_MS": "1500", "HEVLAYER_MAX_RETRIES": "0",
	})
	fromEnv := NewClient(variables).config
	equal(t, "gateway", fromEnv.gateway.base, "https://env.example/p")
	equal(t, "key", fromEnv.gateway.key, "env-key")
	equal(t, "direct", fromEnv.direct.base, "https://direct.example")
	equal(t, "direct key", fromEnv.direct.key, "env-direct")
	equal(t, "timeout", fromEnv.timeout, 1500*time.Millisecond)
	equal(t, "retries", fromEnv.maxRetries, 0)

	given := NewClient(variables, WithBaseURL("http://given:1"), WithAPIKey("given-key"), WithTurbopufferAPIKey("given-direct"),
		WithTurbopufferBaseURL("http://given:2"), WithTimeout(time.Second), WithMaxRetries(5)).config
	equal(t, "gateway", given.gateway.base, "http://given:1")
	equal(t, "key", given.gateway.key, "given-key")
	equal(t, "direct", given.direct.base, "http://given:2")
	equal(t, "direct key", given.direct.key, "given-direct")
	equal(t, "timeout", given.timeout, time.Second)
	equal(t, "retries", given.maxRetries, 5)

	blank := NewClient(variables, WithBaseURL(""), WithAPIKey("  "), WithTurbopufferAPIKey("")).config
	equal(t, "an empty url is not given", blank.gateway.base, "https://env.example/p")
	equal(t, "a blank key means none", blank.gateway.key, "")
	equal(t, "a blank direct key means none", blank.direct == nil, true)

	off := NewClient(variables, WithFallbackToTurbopuffer(false)).config
	equal(t, "the switch is off", off.direct == nil, true)
}

func TestWhatCannotBeUsedIsReportedByTheFirstCall(t *testing.T) {
	env := func(name, value string) Option { return withEnv(map[string]string{name: value}) }
	cases := []struct {
		option Option
		names  string
	}{
		{WithBaseURL("localhost:8080"), `WithBaseURL: "localhost:8080" is not an http or https URL`},
		{WithBaseURL("ftp://x"), "WithBaseURL: "},
		{WithBaseURL("http://"), "WithBaseURL: "},
		{WithBaseURL("http://:8080"), `WithBaseURL: "http://:8080" is not an http or https URL`},
		{WithBaseURL("http://x:0"), "is not an http or https URL"},
		{WithBaseURL("http://x:99999"), "is not an http or https URL"},
		{WithBaseURL("http://x?y=1"), "must not have a query"},
		{WithBaseURL("http://x/?"), "must not have a query"},
		{WithBaseURL("http://x#"), "must not have a query"},
		{WithBaseURL("http://u:p@x"), "user or password"},
		{WithBaseURL("http://%zz"), "WithBaseURL: not a URL"},
		{WithTurbopufferBaseURL("x"), "WithTurbopufferBaseURL: "},
		{WithAPIKey("a\nb"), "WithAPIKey: "},
		{WithAPIKey("ü"), "WithAPIKey: "},
		{WithTimeout(0), "WithTimeout: 0s"},
		{WithTotalTimeout(-1), "WithTotalTimeout: "},
		{WithMaxRetries(-1), "WithMaxRetries: -1"},
		{WithMaxRetries(101), "WithMaxRetries: 101"},
		{WithHeader("authorization", "x"), "WithHeader: "},
		{WithHTTPClient(nil), "WithHTTPClient: "},
		{WithTurbopufferHTTPClient((*http.Client)(nil)), "WithTurbopufferHTTPClient: "},
		{WithLogger(nil), "WithLogger: "},
		{env("LAYER_GATEWAY_URL", "nonsense"), `LAYER_GATEWAY_URL: "nonsense"`},
		{env("HEVLAYER_TIMEOUT_MS", "30s"), `HEVLAYER_TIMEOUT_MS: "30s"`},
		{env("HEVLAYER_TIMEOUT_MS", "0"), "HEVLAYER_TIMEOUT_MS: "},
		{env("HEVLAYER_MAX_RETRIES", "-1"), "HEVLAYER_MAX_RETRIES: "},
		{env("HEVLAYER_MAX_RETRIES", "1e9"), "HEVLAYER_MAX_RETRIES: "},
		{env("HEVLAYER_LOG", "loud"), `HEVLAYER_LOG: "loud"`},
	}
	for _, c := range cases {
		_, err := NewClient(withEnv(nil), c.option).GetHealth(context.Background())
		var problem *ConfigError
		if !errors.As(err, &problem) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("want an error with %s, got %v", c.names, err)
			continue
		}
		equal(t, "operation", problem.OperationID, "getHealth")
		equal(t, "attempts", problem.Attempts, 0)
	}
}

func TestAnOptionOfACallThatCannotBeUsedIsReported(t *testing.T) {
	server := serve(t, reply{status: 200, body: okStatus})
	client, _ := testClient(t, server.URL)
	for _, opt := range []RequestOption{WithTimeout(-1), WithMaxRetries(-1), WithHeader("Authorization", "x"), WithTotalTimeout(0)} {
		var problem *ConfigError
		if err := read(client, opt); !errors.As(err, &problem) {
			t.Errorf("got %v", err)
		}
	}
	equal(t, "requests", len(server.sent()), 0)
}

func TestAHeaderThatCannotBeSentIsRefused(t *testing.T) {
	server := serve(t, reply{status: 200, body: okStatus})
	client, _ := testClient(t, server.URL)
	for name, value := range map[string]string{"X-Bad": "a\nb", "X-Sign": "€", "X Bad": "a", "": "a", "Ü": "a", "host": "x", "accept-encoding": "br", "connection": "close"} {
		var problem *ConfigError
		if err := read(client, WithHeader(name, value)); !errors.As(err, &problem) {
			t.Errorf("%q: got %v", name, err)
		}
	}
	equal(t, "requests", len(server.sent()), 0)
}
