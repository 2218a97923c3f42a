package vendor_test

import (
	"fmt"
	"net/http"
	"sort"
	"testing"
	"time"

	"github.com/turbopuffer/turbopuffer-go/v2"
	"github.com/turbopuffer/turbopuffer-go/v2/option"
	"github.com/turbopuffer/turbopuffer-go/v2/packages/param"
)

var namespaceChecks = []check{
	{"read_schema", readSchema},
	{"update_schema", updateSchema},
	{"read_metadata", readMetadata},
	{"update_metadata", updateMetadata},
	{"list_pages", listPages},
	{"copy", copyNamespace},
	{"branch", branchNamespace},
	{"recall", recall},
	{"warm_hint", warmHint},
	{"explain", explain},
	{"delete_namespace", deleteNamespace},
}

// films writes three rows with a vector, a text and a number.
func films(s *server, suffix string) namespace {
	s.t.Helper()
	ns := s.namespace(suffix)
	title := textSearch()
	title.FullTextSearch.Stemming = turbopuffer.Bool(true)
	s.write(ns, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{
			{"id": 1, "vector": []float32{1, 1}, "title": "film 1", "n": 1},
			{"id": 2, "vector": []float32{2, 1}, "title": "film 2", "n": 2},
			{"id": 3, "vector": []float32{3, 1}, "title": "film 3", "n": 3},
		},
		DistanceMetric: turbopuffer.DistanceMetricCosineDistance,
		Schema:         schema{"title": title},
	})
	return ns
}

func (s *server) schema(ns namespace) turbopuffer.NamespaceSchemaResponse {
	s.t.Helper()
	answer, err := ns.Schema(s.ctx, turbopuffer.NamespaceSchemaParams{})
	s.must(err)
	return *answer
}

func readSchema(_ *testing.T, s *server) {
	got := s.schema(films(s, ""))
	if s.gateway {
		s.wantEqual(got[stamp].Type, "int")
		delete(got, stamp)
	}
	raw := map[string]any{}
	for name, config := range got {
		raw[name] = s.decode(config.RawJSON())
	}
	s.wantJSON(raw, `{
		"id":{"type":"uint","filterable":null,"full_text_search":null},
		"vector":{"type":"[2]f32","ann":true,"filterable":null,"full_text_search":null},
		"n":{"type":"int","filterable":true,"full_text_search":null},
		"title":{"type":"string","filterable":false,"full_text_search":{
			"k1":1.2,"b":0.75,"k3":8,"language":"english","stemming":true,"max_token_length":39,
			"remove_stopwords":false,"ascii_folding":false,"case_sensitive":false,"tokenizer":"word_v4"}}}`)
	s.wantEqual(got["title"].FullTextSearch.Stemming, true)
}

func updateSchema(_ *testing.T, s *server) {
	ns := films(s, "")
	update := func(config turbopuffer.AttributeSchemaConfigParam, names ...string) error {
		changes := schema{}
		for _, name := range names {
			changes[name] = config
		}
		_, err := ns.UpdateSchema(s.ctx, turbopuffer.NamespaceUpdateSchemaParams{Schema: changes})
		return err
	}
	s.must(update(turbopuffer.AttributeSchemaConfigParam{Type: "int", Filterable: turbopuffer.Bool(false)}, "n"))
	s.wantEqual(s.schema(ns)["n"].Filterable, false)
	params := byID(turbopuffer.NewFilterGt("n", 1))
	params.TopK = turbopuffer.Int(5)
	_, err := ns.Query(s.ctx, params)
	s.wantError(err, 400, "n")
	s.must(update(turbopuffer.AttributeSchemaConfigParam{Type: "int", Filterable: turbopuffer.Bool(true)}, "n", "extra"))
	s.wantIDs(s.query(ns, params).Rows, "2", "3")
	s.wantEqual(s.schema(ns)["extra"].Type, "int")
	err = update(turbopuffer.AttributeSchemaConfigParam{Type: "string"}, "n")
	s.wantError(err, 400, "cannot change attribute type from int to string")
}

func (s *server) metadata(ns namespace) *turbopuffer.NamespaceMetadata {
	s.t.Helper()
	answer, err := ns.Metadata(s.ctx, turbopuffer.NamespaceMetadataParams{})
	s.must(err)
	return answer
}

func readMetadata(t *testing.T, s *server) {
	before := time.Now().Add(-time.Second)
	metadata := s.metadata(films(s, ""))
	s.wantEqual(metadata.ApproxRowCount, int64(3))
	s.wantEqual(metadata.Index.Status, "up-to-date")
	s.wantEqual(metadata.Encryption.Mode, "default")
	s.wantEqual(metadata.Schema["vector"].Type, "[2]f32")
	s.wantEqual(metadata.Schema["vector"].Ann.DistanceMetric, turbopuffer.DistanceMetricCosineDistance)
	if metadata.ApproxLogicalBytes <= 0 {
		t.Fatalf("no logical bytes in %s", metadata.RawJSON())
	}
	if metadata.CreatedAt.Before(before) || metadata.UpdatedAt.Before(metadata.CreatedAt) {
		t.Fatalf("created at %v, updated at %v, written after %v", metadata.CreatedAt, metadata.UpdatedAt, before)
	}
	s.wantEqual(metadata.JSON.ExtraFields["layer"].Raw() != "", s.gateway)
}

func updateMetadata(_ *testing.T, s *server) {
	ns := films(s, "")
	pin := func(config turbopuffer.PinningConfigParam) (*turbopuffer.NamespaceMetadata, error) {
		return ns.UpdateMetadata(s.ctx, turbopuffer.NamespaceUpdateMetadataParams{
			NamespaceMetadataPatch: turbopuffer.NamespaceMetadataPatchParam{Pinning: config},
		})
	}
	pinned, err := pin(turbopuffer.PinningConfigParam{Replicas: turbopuffer.Int(2)})
	s.must(err)
	s.wantEqual(pinned.Pinning.Replicas, int64(2))
	s.wantEqual(s.metadata(ns).Pinning.Replicas, int64(2))
	unpinned, err := pin(param.NullStruct[turbopuffer.PinningConfigParam]())
	s.must(err)
	s.wantEqual(unpinned.JSON.Pinning.Valid(), false)
	_, err = pin(turbopuffer.PinningConfigParam{Replicas: turbopuffer.Int(0)})
	s.wantError(err, 400, "replicas must be greater than 0")
}

func listPages(_ *testing.T, s *server) {
	want := []string{}
	for i := range 12 {
		suffix := fmt.Sprintf("-%02d", i)
		want = append(want, s.name(suffix))
		s.write(s.namespace(suffix), turbopuffer.NamespaceWriteParams{UpsertRows: rows{{"id": 1}}})
	}
	sizes, seen := []int{}, []string{}
	page, err := s.client.Namespaces(s.ctx, turbopuffer.NamespacesParams{
		Prefix:   turbopuffer.String(s.name("")),
		PageSize: turbopuffer.Int(5),
	})
	for ; err == nil && page != nil && len(page.Namespaces) > 0; page, err = page.GetNextPage() {
		sizes = append(sizes, len(page.Namespaces))
		for _, summary := range page.Namespaces {
			seen = append(seen, summary.ID)
		}
	}
	s.must(err)
	sort.Strings(seen)
	s.wantEqual(sizes, []int{5, 5, 2})
	s.wantEqual(seen, want)
	_, err = s.client.Namespaces(s.ctx, turbopuffer.NamespacesParams{PageSize: turbopuffer.Int(0)})
	s.wantError(err, 400, "")
}

func copyNamespace(_ *testing.T, s *server) {
	source, copied := films(s, "-source"), s.namespace("")
	params := turbopuffer.NamespaceCopyFromParams{SourceNamespace: s.name("-source")}
	answer, err := copied.CopyFrom(s.ctx, params)
	s.must(err)
	s.wantEqual(answer.Message, "namespace cloned successfully")
	s.write(source, turbopuffer.NamespaceWriteParams{Deletes: []any{1}})
	s.write(copied, turbopuffer.NamespaceWriteParams{PatchRows: rows{{"id": 2, "n": 20}}})
	s.wantStored(copied, []string{"n", "vector"},
		`[{"id":1,"n":1,"vector":[1,1]},{"id":2,"n":20,"vector":[2,1]},{"id":3,"n":3,"vector":[3,1]}]`)
	s.wantStored(source, []string{"n"}, `[{"id":2,"n":2},{"id":3,"n":3}]`)
	_, err = copied.CopyFrom(s.ctx, params)
	s.wantError(err, 400, "")
}

func branchNamespace(_ *testing.T, s *server) {
	source, branch := films(s, "-source"), s.namespace("")
	_, err := branch.BranchFrom(s.ctx, turbopuffer.NamespaceBranchFromParams{SourceNamespace: s.name("-source")})
	s.must(err)
	s.write(branch, turbopuffer.NamespaceWriteParams{Deletes: []any{3}})
	s.wantStored(branch, []string{"n"}, `[{"id":1,"n":1},{"id":2,"n":2}]`)
	s.wantStored(source, nil, `[{"id":1},{"id":2},{"id":3}]`)
	branching := s.decode(s.metadata(branch).JSON.ExtraFields["branching"].Raw())
	s.wantJSON(branching, fmt.Sprintf(`{"parent":%q}`, s.name("-source")))
}

func recall(_ *testing.T, s *server) {
	ns := films(s, "")
	measured, err := ns.Recall(s.ctx, turbopuffer.NamespaceRecallParams{
		Num:                turbopuffer.Int(1),
		TopK:               turbopuffer.Int(2),
		IncludeGroundTruth: turbopuffer.Bool(true),
	})
	s.must(err)
	s.wantEqual([]float64{measured.AvgRecall, measured.AvgAnnCount, measured.AvgExhaustiveCount}, []float64{1, 2, 2})
	s.wantEqual(len(measured.GroundTruth), 1)
	s.wantEqual(len(measured.GroundTruth[0].NearestNeighbors), 2)
	measured, err = ns.Recall(s.ctx, turbopuffer.NamespaceRecallParams{})
	s.must(err)
	s.wantEqual(measured.AvgRecall, 1.0)
}

func warmHint(_ *testing.T, s *server) {
	ns := films(s, "")
	var raw *http.Response
	answer, err := ns.HintCacheWarm(s.ctx, turbopuffer.NamespaceHintCacheWarmParams{}, option.WithResponseInto(&raw))
	s.must(err)
	s.wantEqual(raw.StatusCode, http.StatusAccepted)
	s.wantJSON(s.decode(answer.RawJSON()), `{"status":"ACCEPTED","message":"cache warm hint accepted"}`)
}

func explain(t *testing.T, s *server) {
	ns := films(s, "")
	explained, err := ns.ExplainQuery(s.ctx, turbopuffer.NamespaceExplainQueryParams{
		RankBy: turbopuffer.NewRankByAnn("vector", []float32{1, 1}),
		TopK:   turbopuffer.Int(2),
	})
	s.must(err)
	if explained.PlanText == "" {
		t.Fatal("the plan is empty")
	}
}

func deleteNamespace(_ *testing.T, s *server) {
	ns := films(s, "")
	remove := func() error {
		_, err := ns.DeleteAll(s.ctx, turbopuffer.NamespaceDeleteAllParams{})
		return err
	}
	s.must(remove())
	s.wantAbsent(ns)
	if s.gateway {
		s.must(remove())
	} else {
		s.wantError(remove(), 404, "was not found")
	}
	s.write(ns, turbopuffer.NamespaceWriteParams{UpsertRows: rows{{"id": "now a string", "n": "and this too"}}})
	s.wantStored(ns, []string{"n"}, `[{"id":"now a string","n":"and this too"}]`)
}
