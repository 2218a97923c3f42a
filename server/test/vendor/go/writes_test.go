package vendor_test

import (
	"testing"

	"github.com/turbopuffer/turbopuffer-go/v2"
)

var writeChecks = []check{
	{"write_rows", writeRows},
	{"write_columns", writeColumns},
	{"replace_and_patch", replaceAndPatch},
	{"delete_by_id", deleteByID},
	{"delete_by_filter", deleteByFilter},
	{"patch_by_filter", patchByFilter},
	{"conditional_write", conditionalWrite},
	{"affected_ids", affectedIDs},
	{"reserved_attribute", reservedAttribute},
}

func writeRows(t *testing.T, s *server) {
	films := s.namespace("")
	written := s.write(films, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{
			{"id": 1, "vector": []float32{0.7, 0.7}, "title": "Alien", "seen": true, "tags": []string{"space"}},
			{"id": 2, "vector": []float32{0.1, 0.2}, "title": "Heat", "seen": false, "tags": []string{}},
		},
		DistanceMetric: turbopuffer.DistanceMetricCosineDistance,
	})
	s.wantEqual(string(written.Status), "OK")
	s.wantEqual([]int64{written.RowsAffected, written.RowsUpserted}, []int64{2, 2})
	if written.Message == "" || !written.Billing.JSON.BillableLogicalBytesWritten.Valid() {
		t.Fatalf("message or billing is missing in %s", written.RawJSON())
	}
	s.wantStored(films, []string{"vector", "title", "seen", "tags"}, `[
		{"id":1,"vector":[0.7,0.7],"title":"Alien","seen":true,"tags":["space"]},
		{"id":2,"vector":[0.1,0.2],"title":"Heat","seen":false,"tags":[]}]`)
}

func writeColumns(_ *testing.T, s *server) {
	films := s.namespace("")
	written := s.write(films, turbopuffer.NamespaceWriteParams{
		UpsertColumns: turbopuffer.ColumnsParam{
			"id":     {1, 2, 3},
			"vector": {[]float32{1, 0}, []float32{0, 1}, []float32{1, 1}},
			"k":      {"a", nil, "c"},
		},
		DistanceMetric: turbopuffer.DistanceMetricEuclideanSquared,
	})
	s.wantEqual(written.RowsAffected, int64(3))
	s.wantStored(films, []string{"k", "vector"},
		`[{"id":1,"k":"a","vector":[1,0]},{"id":2,"vector":[0,1]},{"id":3,"k":"c","vector":[1,1]}]`)
	s.write(films, turbopuffer.NamespaceWriteParams{
		PatchColumns: turbopuffer.ColumnsParam{"id": {2, 3}, "k": {"b", "d"}},
	})
	s.wantStored(films, []string{"k"}, `[{"id":1,"k":"a"},{"id":2,"k":"b"},{"id":3,"k":"d"}]`)
}

func replaceAndPatch(_ *testing.T, s *server) {
	stock := s.namespace("")
	all := []string{"a", "b", "c"}
	s.write(stock, turbopuffer.NamespaceWriteParams{UpsertRows: rows{{"id": 1, "a": 1, "c": true}}})
	s.write(stock, turbopuffer.NamespaceWriteParams{UpsertRows: rows{{"id": 1, "b": 2}}})
	s.wantStored(stock, all, `[{"id":1,"b":2}]`)
	patched := s.write(stock, turbopuffer.NamespaceWriteParams{
		PatchRows: rows{{"id": 1, "a": 7}, {"id": 99, "a": 7}},
	})
	s.wantEqual(patched.RowsPatched, int64(1))
	s.wantStored(stock, all, `[{"id":1,"a":7,"b":2}]`)
}

// numbered writes rows 1 to 3, each with its id as n.
func numbered(s *server) namespace {
	s.t.Helper()
	stock := s.namespace("")
	s.write(stock, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{{"id": 1, "n": 1}, {"id": 2, "n": 2}, {"id": 3, "n": 3}},
	})
	return stock
}

func deleteByID(_ *testing.T, s *server) {
	stock := numbered(s)
	removed := s.write(stock, turbopuffer.NamespaceWriteParams{Deletes: []any{2}})
	s.wantEqual(removed.RowsDeleted, int64(1))
	s.wantStored(stock, nil, `[{"id":1},{"id":3}]`)
	s.write(stock, turbopuffer.NamespaceWriteParams{Deletes: []any{1, 3}})
	s.wantStored(stock, nil, `[]`)
}

func deleteByFilter(_ *testing.T, s *server) {
	stock := s.namespace("")
	s.write(stock, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{{"id": 0, "a": 0}, {"id": 1, "a": 1}, {"id": 2, "a": 2}, {"id": 3, "a": 1}},
	})
	params := turbopuffer.NamespaceWriteParams{DeleteByFilter: turbopuffer.NewFilterEq("a", 1)}
	removed := s.write(stock, params)
	s.wantEqual([]int64{removed.RowsAffected, removed.RowsDeleted}, []int64{2, 2})
	s.wantEqual(removed.RowsRemaining, false)
	s.wantStored(stock, []string{"a"}, `[{"id":0,"a":0},{"id":2,"a":2}]`)
	s.wantEqual(s.write(stock, params).RowsAffected, int64(0))
}

func patchByFilter(_ *testing.T, s *server) {
	posts := s.namespace("")
	s.write(posts, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{{"id": 1, "s": "draft", "n": 1}, {"id": 2, "s": "live", "n": 2}, {"id": 3, "s": "draft", "n": 3}},
	})
	patched := s.write(posts, turbopuffer.NamespaceWriteParams{
		PatchByFilter: turbopuffer.NamespaceWriteParamsPatchByFilter{
			Filters: turbopuffer.NewFilterEq("s", "draft"),
			Patch:   map[string]any{"s": "review"},
		},
	})
	s.wantEqual(patched.RowsPatched, int64(2))
	s.wantStored(posts, []string{"s", "n"},
		`[{"id":1,"s":"review","n":1},{"id":2,"s":"live","n":2},{"id":3,"s":"review","n":3}]`)
}

func conditionalWrite(_ *testing.T, s *server) {
	stock := s.namespace("")
	s.write(stock, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{{"id": 1, "version": 2, "s": "old"}, {"id": 2, "version": 5, "s": "old"}},
	})
	written := s.write(stock, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{
			{"id": 1, "version": 3, "s": "new"},
			{"id": 2, "version": 4, "s": "new"},
			{"id": 3, "version": 1, "s": "new"},
		},
		UpsertCondition: turbopuffer.NewFilterLt("version", turbopuffer.NewExprRefNew("version")),
	})
	s.wantEqual(written.RowsAffected, int64(2))
	s.wantStored(stock, []string{"s"}, `[{"id":1,"s":"new"},{"id":2,"s":"old"},{"id":3,"s":"new"}]`)
	absent := s.write(stock, turbopuffer.NamespaceWriteParams{
		UpsertRows:      rows{{"id": 1, "version": 9, "s": "again"}},
		UpsertCondition: turbopuffer.NewFilterEq("id", nil),
	})
	s.wantEqual(absent.RowsAffected, int64(0))
	patched := s.write(stock, turbopuffer.NamespaceWriteParams{
		PatchRows:      rows{{"id": 1, "s": "patched"}, {"id": 2, "s": "patched"}},
		PatchCondition: turbopuffer.NewFilterGte("version", 5),
	})
	s.wantEqual(patched.RowsPatched, int64(1))
	removed := s.write(stock, turbopuffer.NamespaceWriteParams{
		Deletes:         []any{1, 2},
		DeleteCondition: turbopuffer.NewFilterGte("version", 5),
	})
	s.wantEqual(removed.RowsDeleted, int64(1))
	s.wantStored(stock, []string{"s"}, `[{"id":1,"s":"new"},{"id":3,"s":"new"}]`)
}

func intIDs(ids []turbopuffer.ID) []int64 {
	found := []int64{}
	for _, id := range ids {
		found = append(found, id.AsInt())
	}
	return found
}

func affectedIDs(_ *testing.T, s *server) {
	stock := numbered(s)
	written := s.write(stock, turbopuffer.NamespaceWriteParams{
		UpsertRows:        rows{{"id": 4, "n": 4}},
		PatchRows:         rows{{"id": 1, "n": 10}, {"id": 77, "n": 10}},
		Deletes:           []any{2},
		ReturnAffectedIDs: turbopuffer.Bool(true),
	})
	s.wantEqual(intIDs(written.UpsertedIDs), []int64{4})
	s.wantEqual(intIDs(written.PatchedIDs), []int64{1})
	s.wantEqual(intIDs(written.DeletedIDs), []int64{2})
	quiet := s.write(stock, turbopuffer.NamespaceWriteParams{UpsertRows: rows{{"id": 5, "n": 5}}})
	s.wantEqual(quiet.JSON.UpsertedIDs.Valid(), false)
	filtered := s.write(stock, turbopuffer.NamespaceWriteParams{
		DeleteByFilter:    turbopuffer.NewFilterEq("n", 5),
		ReturnAffectedIDs: turbopuffer.Bool(true),
	})
	s.wantEqual(intIDs(filtered.DeletedIDs), []int64{5})
	s.wantStored(stock, nil, `[{"id":1},{"id":3},{"id":4}]`)
}

func reservedAttribute(_ *testing.T, s *server) {
	stock := s.namespace("")
	answer, err := stock.Write(s.ctx, turbopuffer.NamespaceWriteParams{UpsertRows: rows{{"id": 1, "_hevlayer_shard": 3}}})
	if s.gateway {
		s.wantError(err, 422, "_hevlayer_shard")
		s.wantAbsent(stock)
		return
	}
	s.must(err)
	s.wantEqual(answer.RowsAffected, int64(1))
}
