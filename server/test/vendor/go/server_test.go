package vendor_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/turbopuffer/turbopuffer-go/v2"
	"github.com/turbopuffer/turbopuffer-go/v2/option"
	"github.com/turbopuffer/turbopuffer-go/v2/packages/respjson"
)

const (
	requestTimeout = 15 * time.Second
	// stamp is the attribute that the gateway adds to every row written through it.
	stamp = "_hevlayer_upserted_at"
	// distanceTolerance is what single precision leaves of the values computed by hand.
	distanceTolerance = 2e-6
)

type (
	namespace = turbopuffer.Namespace
	rows      = []turbopuffer.RowParam
	schema    = map[string]turbopuffer.AttributeSchemaConfigParam
)

type check struct {
	name string
	run  func(t *testing.T, s *server)
}

// server is what one check talks to.
type server struct {
	t      *testing.T
	ctx    context.Context
	check  string
	client turbopuffer.Client
	// gateway is true when the gateway answers, and false for the engine.
	gateway bool
}

func newServer(t *testing.T, check string) *server {
	t.Helper()
	target := setting(t, "VENDOR_TARGET")
	if target != "engine" && target != "gateway" {
		t.Fatalf("VENDOR_TARGET: expected engine or gateway, got %q", target)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*requestTimeout)
	t.Cleanup(cancel)
	s := &server{t: t, ctx: ctx, check: check, gateway: target == "gateway"}
	s.client = s.clientWith()
	return s
}

func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set", name)
	}
	return value
}

// clientWith is a client without retries, so that an answer of 5xx or 429 is seen and not smoothed over.
func (s *server) clientWith(options ...option.RequestOption) turbopuffer.Client {
	s.t.Helper()
	return turbopuffer.NewClient(append([]option.RequestOption{
		option.WithBaseURL(setting(s.t, "VENDOR_BASE_URL")),
		option.WithAPIKey(setting(s.t, "VENDOR_API_KEY")),
		option.WithMaxRetries(0),
		option.WithRequestTimeout(requestTimeout),
	}, options...)...)
}

// name is the name of a namespace of this check alone; suffix tells several apart.
func (s *server) name(suffix string) string {
	target := "engine"
	if s.gateway {
		target = "gateway"
	}
	return "go-" + target + "-" + s.check + suffix
}

func (s *server) namespace(suffix string) namespace { return s.client.Namespace(s.name(suffix)) }

func (s *server) write(ns namespace, params turbopuffer.NamespaceWriteParams) *turbopuffer.NamespaceWriteResponse {
	s.t.Helper()
	answer, err := ns.Write(s.ctx, params)
	s.must(err)
	return answer
}

func (s *server) query(ns namespace, params turbopuffer.NamespaceQueryParams) *turbopuffer.NamespaceQueryResponse {
	s.t.Helper()
	if params.TopK.Value == 0 && params.Limit.Total == 0 && params.AggregateBy == nil {
		params.TopK = turbopuffer.Int(1000)
	}
	answer, err := ns.Query(s.ctx, params)
	s.must(err)
	return answer
}

// byID asks for every row that passes the filter, by id; a nil filter passes all.
func byID(filter turbopuffer.Filter) turbopuffer.NamespaceQueryParams {
	return turbopuffer.NamespaceQueryParams{
		RankBy:  turbopuffer.NewRankByAttribute("id", turbopuffer.RankByAttributeOrderAsc),
		Filters: filter,
	}
}

// wantStored compares every row of a namespace, by id, with JSON.
func (s *server) wantStored(ns namespace, attributes []string, want string) {
	s.t.Helper()
	params := byID(nil)
	params.IncludeAttributes = turbopuffer.IncludeAttributesParam{StringArray: attributes}
	s.wantJSON(s.query(ns, params).Rows, want)
}

// wantIDs compares ids in answer order.
func (s *server) wantIDs(got []turbopuffer.Row, want ...string) {
	s.t.Helper()
	found := []string{}
	for _, row := range got {
		found = append(found, strings.Trim(s.encode(row["id"]), `"`))
	}
	if want == nil {
		want = []string{}
	}
	s.wantEqual(found, want)
}

func (s *server) wantDistances(got []turbopuffer.Row, want ...float64) {
	s.t.Helper()
	if len(got) != len(want) {
		s.t.Fatalf("got %d rows, want %d", len(got), len(want))
	}
	for i, row := range got {
		number, ok := row["$dist"].(respjson.Number)
		if !ok {
			s.t.Fatalf("row %d has $dist %v, want a number", i, row["$dist"])
		}
		distance, err := number.Float64()
		s.must(err)
		if math.Abs(distance-want[i]) > distanceTolerance {
			s.t.Errorf("row %d has $dist %v, want %v", i, distance, want[i])
		}
	}
}

// wantJSON compares values as JSON, with numbers compared as they are written.
func (s *server) wantJSON(got any, want string) {
	s.t.Helper()
	text := s.encode(got)
	if !reflect.DeepEqual(s.decode(text), s.decode(want)) {
		s.t.Fatalf("got %s\nwant %s", text, want)
	}
}

func (s *server) encode(value any) string {
	s.t.Helper()
	text, err := json.Marshal(value)
	s.must(err)
	return string(text)
}

func (s *server) decode(text string) (value any) {
	s.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	s.must(decoder.Decode(&value))
	return value
}

func (s *server) wantEqual(got, want any) {
	s.t.Helper()
	if !reflect.DeepEqual(got, want) {
		s.t.Fatalf("got %v, want %v", got, want)
	}
}

func (s *server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// wantError is a call that ends with the client's own error, of this status and with this text in it.
func (s *server) wantError(err error, status int, text string) {
	s.t.Helper()
	var failure *turbopuffer.Error
	if !errors.As(err, &failure) {
		s.t.Fatalf("got %v, want an error of status %d", err, status)
	}
	if failure.StatusCode != status || !strings.Contains(failure.RawJSON(), text) {
		s.t.Fatalf("got %v, want status %d and %q", err, status, text)
	}
}

// wantAbsent is a namespace that does not exist.
func (s *server) wantAbsent(ns namespace) {
	s.t.Helper()
	_, err := ns.Schema(s.ctx, turbopuffer.NamespaceSchemaParams{})
	s.wantError(err, 404, "was not found")
}

func textSearch() turbopuffer.AttributeSchemaConfigParam {
	return turbopuffer.AttributeSchemaConfigParam{
		Type:           "string",
		FullTextSearch: &turbopuffer.FullTextSearchConfigParam{Stemming: turbopuffer.Bool(false)},
	}
}
