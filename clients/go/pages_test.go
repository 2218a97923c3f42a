package hevlayer

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func page(names, next string) reply {
	var rows []string
	for _, name := range strings.Fields(names) {
		rows = append(rows, `{"name":"`+name+`"}`)
	}
	cursor := ""
	if next != "" {
		cursor = `,"next_cursor":"` + next + `"`
	}
	return reply{status: 200, body: `{"namespaces":[` + strings.Join(rows, ",") + `]` + cursor + `}`}
}

func walk(it *Iter[NamespaceSummary]) string {
	var names []string
	for it.Next() {
		names = append(names, it.Item().Name)
	}
	return strings.Join(names, " ")
}

func TestIteratingFollowsCursorsThroughEmptyPages(t *testing.T) {
	server := serve(t, page("a b", "c1"), page("", "c2"), page("c", ""))
	client, _ := testClient(t, server.URL)
	params := &ListNamespacesParams{Prefix: "p", PageSize: 2}
	it := client.IterNamespaces(context.Background(), params, WithHeader("X-Call", "1"))
	equal(t, "names", walk(it), "a b c")
	if it.Err() != nil || it.Next() || it.NextPage() {
		t.Errorf("the end is the end: %v", it.Err())
	}
	var targets []string
	for _, sent := range server.sent() {
		targets = append(targets, strings.TrimPrefix(sent.target, "/v2/namespaces"))
		equal(t, "the options apply to every page", sent.header.Get("X-Call"), "1")
	}
	equal(t, "targets", strings.Join(targets, " "), "?prefix=p&page_size=2 ?prefix=p&cursor=c1&page_size=2 ?prefix=p&cursor=c2&page_size=2")
	equal(t, "the caller's parameters stay as they are", params.Cursor, "")
}

func TestIteratingStartsAtTheGivenCursorAndTheListingGivesOnePage(t *testing.T) {
	server := serve(t, page("b", ""), page("x", "c9"))
	client, _ := testClient(t, server.URL)
	equal(t, "names", walk(client.IterNamespaces(context.Background(), &ListNamespacesParams{Cursor: "c5"})), "b")
	equal(t, "target", server.last(t).target, "/v2/namespaces?cursor=c5")
	one, err := client.ListNamespaces(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "next cursor", one.NextCursor, "c9")
}

func TestPagesCanBeTakenWhole(t *testing.T) {
	server := serve(t, page("a b", "c1"), page("c", ""))
	client, _ := testClient(t, server.URL)
	it := client.IterNamespaces(context.Background(), nil)
	var sizes []int
	for it.NextPage() {
		sizes = append(sizes, len(it.Page()))
	}
	if len(sizes) != 2 || sizes[0] != 2 || sizes[1] != 1 || it.Err() != nil {
		t.Errorf("sizes %v, error %v", sizes, it.Err())
	}
}

func TestARepeatedCursorEndsTheWalkWithAnError(t *testing.T) {
	server := serve(t, page("a", "c1"), page("b", "c2"), page("c", "c1"))
	client, _ := testClient(t, server.URL)
	it := client.IterNamespaces(context.Background(), nil)
	equal(t, "names", walk(it), "a b")
	var repeated *PageError
	if !errors.As(it.Err(), &repeated) {
		t.Fatalf("got %v", it.Err())
	}
	equal(t, "cursor", repeated.Cursor, "c1")
	equal(t, "message", it.Err().Error(), `hevlayer: listNamespaces: the listing gave the cursor "c1" again`)
	equal(t, "route", repeated.Method+" "+repeated.Route, "GET /v2/namespaces")
	equal(t, "requests", len(server.sent()), 3)
}

func TestAFailedPageEndsTheWalk(t *testing.T) {
	server := serve(t, page("a", "c1"), reply{status: 404})
	client, _ := testClient(t, server.URL)
	it := client.IterNamespaces(context.Background(), nil)
	equal(t, "names", walk(it), "a")
	if !errors.Is(it.Err(), ErrNotFound) || it.Next() {
		t.Errorf("got %v", it.Err())
	}
	equal(t, "requests", len(server.sent()), 2)
}

func TestAPassthroughListingIteratesOverOpenMaps(t *testing.T) {
	server := serve(t, reply{status: 200, body: `{"namespaces":[{"id":"a","new":1}],"next_cursor":"c"}`}, reply{status: 200, body: `{"namespaces":[{"id":"b"}],"next_cursor":null}`})
	client, _ := testClient(t, server.URL)
	it := client.IterTurbopufferNamespaces(context.Background(), nil)
	var ids []string
	for it.Next() {
		ids = append(ids, it.Item()["id"].(string))
	}
	equal(t, "ids", strings.Join(ids, " "), "a b")
	if it.Err() != nil {
		t.Error(it.Err())
	}
}
