package vendor_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/turbopuffer/turbopuffer-go/v2"
	"github.com/turbopuffer/turbopuffer-go/v2/option"
)

var errorChecks = []check{
	{"error_bad_request", errorBadRequest},
	{"error_unauthorized", errorUnauthorized},
	{"error_not_found", errorNotFound},
	{"error_unprocessable", errorUnprocessable},
}

func errorBadRequest(_ *testing.T, s *server) {
	ns := numbered(s)
	params := byID(nil)
	params.TopK = turbopuffer.Int(10_001)
	_, err := ns.Query(s.ctx, params)
	s.wantError(err, 400, "top_k must be between 1 and 10000")
	params = byID(turbopuffer.NewFilterEq("nope", 1))
	params.TopK = turbopuffer.Int(1)
	_, err = ns.Query(s.ctx, params)
	s.wantError(err, 400, "attribute not found")
	_, err = ns.Write(s.ctx, turbopuffer.NamespaceWriteParams{UpsertRows: rows{{"id": 9}, {"id": 9}}})
	s.wantError(err, 400, "9")
}

func errorUnauthorized(t *testing.T, s *server) {
	stranger := s.clientWith(option.WithAPIKey("tpuf_wrong"))
	ns := stranger.Namespace(s.name(""))
	_, one := ns.Metadata(s.ctx, turbopuffer.NamespaceMetadataParams{})
	s.wantError(one, 401, "")
	_, other := stranger.Namespaces(s.ctx, turbopuffer.NamespacesParams{})
	s.wantError(other, 401, "")
	if strings.Contains(fmt.Sprint(one, other), "tpuf_wrong") {
		t.Fatalf("the answer repeats the key: %v %v", one, other)
	}
}

func errorNotFound(_ *testing.T, s *server) {
	none := s.namespace("")
	want := fmt.Sprintf("namespace '%s' was not found", s.name(""))
	params := byID(nil)
	params.TopK = turbopuffer.Int(1)
	_, err := none.Query(s.ctx, params)
	s.wantError(err, 404, want)
	_, err = none.Metadata(s.ctx, turbopuffer.NamespaceMetadataParams{})
	s.wantError(err, 404, want)
	_, err = none.Schema(s.ctx, turbopuffer.NamespaceSchemaParams{})
	s.wantError(err, 404, want)
	_, err = none.Recall(s.ctx, turbopuffer.NamespaceRecallParams{})
	s.wantError(err, 404, want)
}

func errorUnprocessable(_ *testing.T, s *server) {
	ns := s.namespace("")
	_, err := ns.Write(s.ctx, turbopuffer.NamespaceWriteParams{
		UpsertRows:     rows{{"id": 1, "vector": []float32{1}}},
		DistanceMetric: "manhattan",
	})
	s.wantError(err, 422, "manhattan")
	_, err = ns.Write(s.ctx, turbopuffer.NamespaceWriteParams{UpsertRows: rows{{"id": 1.5}}})
	s.wantError(err, 422, "")
	s.wantAbsent(ns)
}
