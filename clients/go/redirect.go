package hevlayer

import "net/http"

// This file says which redirects are followed, the same ones as in every Layer client.

// redirectsMax bounds how often one attempt is sent on.
const redirectsMax = 10

// harmlessHeaders are what another origin is told; any other header may hold credentials that are meant for the first.
var harmlessHeaders = []string{"Accept", "User-Agent"}

// checkRedirect follows redirects of GET requests alone: net/http would send a redirected write on as a GET without its
// body, and the page that answers would pass for a success. It goes to http and https, to no address with credentials in
// it, and never from https to http; what is not followed is the answer. At another origin only harmless headers are sent:
// net/http compares host names alone, and would hand the key to another port.
func checkRedirect(request *http.Request, via []*http.Request) error {
	from, to := via[len(via)-1].URL, request.URL
	safe := to.Scheme == "https" || to.Scheme == "http" && from.Scheme == "http"
	if len(via) > redirectsMax || via[0].Method != http.MethodGet || !safe || to.User != nil {
		return http.ErrUseLastResponse
	}
	// It would name the document that was asked for.
	request.Header.Del("Referer")
	// net/http copies the headers of the first request anew each time, so that a way back would find the key again.
	for _, earlier := range via {
		if earlier.URL.Scheme != to.Scheme || earlier.URL.Host != to.Host {
			keepHeaders(request.Header, harmlessHeaders)
			break
		}
	}
	return nil
}

func keepHeaders(header http.Header, names []string) {
	for name := range header {
		keep := false
		for _, kept := range names {
			keep = keep || name == kept
		}
		if !keep {
			header.Del(name)
		}
	}
}

// ruled is the client with our redirect rules, unless it has some of its own.
func ruled(client Doer) Doer {
	own, ok := client.(*http.Client)
	if !ok || own == nil || own.CheckRedirect != nil {
		return client
	}
	copied := *own
	copied.CheckRedirect = checkRedirect
	return &copied
}
