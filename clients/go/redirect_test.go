package hevlayer

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func movedTo(status int, location string) reply {
	return reply{status: status, header: map[string]string{"Location": location}}
}

var redirectStatuses = []int{301, 302, 303, 307, 308}

func health(client *Client) error {
	_, err := client.GetHealth(context.Background())
	return err
}

func TestARedirectedReadIsFollowed(t *testing.T) {
	for _, status := range redirectStatuses {
		server := serve(t, movedTo(status, "/moved?x=1#part"), reply{status: 200, body: `{"status":"ok"}`})
		client, _ := testClient(t, server.URL, WithHeader("X-Team-Token", "t"))
		got, err := client.GetHealthWithPerf(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		sent := server.last(t)
		equal(t, "attempts", got.Perf.Attempts, 1)
		equal(t, "request", sent.method+" "+sent.target, "GET /moved?x=1")
		equal(t, "key", sent.header.Get("Authorization"), "Bearer gateway-key")
		equal(t, "own header", sent.header.Get("X-Team-Token"), "t")
		equal(t, "referer", sent.header.Get("Referer"), "")
	}
}

func TestAnotherOriginIsToldNothingButWhatTheClientIs(t *testing.T) {
	// A client of the caller's own, without redirect rules, gets ours.
	for _, options := range [][]Option{nil, {WithHTTPClient(&http.Client{})}} {
		away := serve(t, reply{status: 200, body: `{"status":"ok"}`})
		home := serve(t, movedTo(302, away.URL+"/away"))
		detour := serve(t, movedTo(302, home.URL+"/back"))
		server := serve(t, movedTo(307, detour.URL+"/detour"))
		client, _ := testClient(t, server.URL, append(options, WithHeader("X-Team-Token", "t"))...)
		if err := health(client); err != nil {
			t.Fatal(err)
		}
		equal(t, "key at home", server.last(t).header.Get("Authorization"), "Bearer gateway-key")
		for _, stranger := range []*faultServer{detour, home, away} {
			sent := stranger.last(t)
			for _, name := range []string{"Authorization", "X-Team-Token", "Referer"} {
				equal(t, name+" abroad", sent.header.Get(name), "")
			}
			equal(t, "agent", sent.header.Get("User-Agent"), userAgent)
		}
	}
}

func TestARedirectedWriteIsReportedAndNotSentAgain(t *testing.T) {
	for _, status := range redirectStatuses {
		elsewhere := serve(t, reply{status: 200, body: okStatus})
		server := serve(t, movedTo(status, elsewhere.URL))
		client, _ := testClient(t, server.URL, WithHTTPClient(&http.Client{}))
		var answer *APIError
		if err := once(client); !errors.As(err, &answer) || answer.StatusCode != status {
			t.Fatalf("%d: got %v", status, err)
		}
		equal(t, "requests", len(server.sent()), 1)
		equal(t, "requests elsewhere", len(elsewhere.sent()), 0)
	}
}

func TestARedirectThatIsNotFollowedIsTheAnswer(t *testing.T) {
	for location, requests := range map[string]int{"/again": redirectsMax + 1, "ftp://127.0.0.1/x": 1, "file:///etc/passwd": 1, "http://user:pw@127.0.0.1/x": 1, "": 1} {
		server := serve(t, movedTo(302, location))
		client, clock := testClient(t, server.URL)
		var answer *APIError
		if err := health(client); !errors.As(err, &answer) || answer.StatusCode != 302 || answer.Attempts != 1 {
			t.Errorf("%q: got %v", location, err)
		}
		equal(t, "requests for "+location, len(server.sent()), requests)
		equal(t, "waits", len(clock.waits), 0)
	}
}

func TestARedirectFromHTTPSToHTTPIsTheAnswer(t *testing.T) {
	plain := serve(t, reply{status: 200, body: `{"status":"ok"}`})
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer secure.Close()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: secure.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}}
	defer transport.CloseIdleConnections()
	client, _ := testClient(t, secure.URL, WithHTTPClient(&http.Client{Transport: transport}))
	var answer *APIError
	if err := health(client); !errors.As(err, &answer) || answer.StatusCode != 302 {
		t.Errorf("got %v", err)
	}
	equal(t, "requests", len(plain.sent()), 0)
}

func TestARedirectToWhereNobodyListensDoesNotFallThrough(t *testing.T) {
	gateway := serve(t, movedTo(302, closedURL(t)))
	client, _, direct, _ := pair(t, gateway.URL, reply{status: 200, body: "{}"})
	var connection *APIConnectionError
	if _, err := client.GetTurbopufferNamespaceSchema(context.Background(), "n"); !errors.As(err, &connection) {
		t.Errorf("got %v", err)
	}
	equal(t, "direct requests", len(direct.sent()), 0)
}

func TestAClientWithRedirectRulesKeepsThem(t *testing.T) {
	server := serve(t, movedTo(302, "/moved"), reply{status: 200, body: `{"status":"ok"}`})
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client, _ := testClient(t, server.URL, WithHTTPClient(&http.Client{CheckRedirect: stay}))
	var answer *APIError
	if err := health(client); !errors.As(err, &answer) || answer.StatusCode != 302 {
		t.Errorf("got %v", err)
	}
}
