package vendor_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/turbopuffer/turbopuffer-go/v2"
	"github.com/turbopuffer/turbopuffer-go/v2/option"
)

var valueChecks = []check{
	{"big_ids", bigIDs},
	{"uuid_ids", uuidIDs},
	{"datetimes", datetimes},
	{"base64_vectors", base64Vectors},
	{"compression", compression},
	{"region_in_path", regionInPath},
}

func bigIDs(_ *testing.T, s *server) {
	ns := s.namespace("")
	big := []uint64{1 << 53, 1<<53 + 1, math.MaxUint64}
	upserts := rows{}
	for _, number := range big {
		upserts = append(upserts, turbopuffer.RowParam{"id": number, "n": number, "i": int64(math.MinInt64)})
	}
	s.write(ns, turbopuffer.NamespaceWriteParams{
		UpsertRows: upserts,
		Schema:     schema{"n": {Type: "uint"}, "i": {Type: "int"}},
	})
	s.wantStored(ns, []string{"n", "i"}, `[
		{"id":9007199254740992,"n":9007199254740992,"i":-9223372036854775808},
		{"id":9007199254740993,"n":9007199254740993,"i":-9223372036854775808},
		{"id":18446744073709551615,"n":18446744073709551615,"i":-9223372036854775808}]`)
	s.wantIDs(s.query(ns, byID(turbopuffer.NewFilterEq("id", big[1]))).Rows, "9007199254740993")
	s.wantIDs(s.query(ns, byID(turbopuffer.NewFilterGt("n", big[0]))).Rows, "9007199254740993", "18446744073709551615")
	removed := s.write(ns, turbopuffer.NamespaceWriteParams{
		Deletes:           []any{big[0]},
		ReturnAffectedIDs: turbopuffer.Bool(true),
	})
	s.wantEqual(intIDs(removed.DeletedIDs), []int64{1 << 53})
	s.wantStored(ns, nil, `[{"id":9007199254740993},{"id":18446744073709551615}]`)
}

func uuidIDs(_ *testing.T, s *server) {
	const canonical = "2108ed60-6851-49a0-9016-8325434f3845"
	ns := s.namespace("")
	s.write(ns, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{{"id": strings.ToUpper(canonical), "owner": strings.ReplaceAll(canonical, "-", "")}},
		Schema:     schema{"id": {Type: "uuid"}, "owner": {Type: "uuid"}},
	})
	s.wantStored(ns, []string{"owner"}, fmt.Sprintf(`[{"id":%q,"owner":%q}]`, canonical, canonical))
	found := s.query(ns, byID(turbopuffer.NewFilterIn("id", []string{strings.ToUpper(canonical)})))
	s.wantIDs(found.Rows, canonical)
}

func datetimes(_ *testing.T, s *server) {
	ns := s.namespace("")
	s.write(ns, turbopuffer.NamespaceWriteParams{
		UpsertRows: rows{{"id": 1, "at": "2015-01-20"}, {"id": 2, "at": "2015-01-20T12:34:56-04:00"}},
		Schema:     schema{"at": {Type: "datetime"}},
	})
	s.wantStored(ns, []string{"at"}, `[
		{"id":1,"at":"2015-01-20T00:00:00.000000000Z"},
		{"id":2,"at":"2015-01-20T16:34:56.000000000Z"}]`)
	s.wantIDs(s.query(ns, byID(turbopuffer.NewFilterGt("at", "2015-01-20T16:00:00Z"))).Rows, "2")
}

func base64Vectors(_ *testing.T, s *server) {
	const encoded = "zczMPc3MTD6amZk+"
	ns := s.namespace("")
	s.write(ns, turbopuffer.NamespaceWriteParams{
		UpsertRows:     rows{{"id": 1, "vector": []float32{0.1, 0.2, 0.3}}, {"id": 2, "vector": encoded}},
		DistanceMetric: turbopuffer.DistanceMetricEuclideanSquared,
	})
	for encoding, want := range map[turbopuffer.VectorEncoding]string{
		turbopuffer.VectorEncodingFloat:  "[0.1,0.2,0.3]",
		turbopuffer.VectorEncodingBase64: `"` + encoded + `"`,
	} {
		answer := s.query(ns, turbopuffer.NamespaceQueryParams{
			RankBy:            turbopuffer.NewRankByAnn("vector", []float32{0.1, 0.2, 0.3}),
			IncludeAttributes: turbopuffer.IncludeAttributesParam{StringArray: []string{"vector"}},
			VectorEncoding:    encoding,
		})
		s.wantJSON(answer.Rows, fmt.Sprintf(`[{"id":1,"$dist":0,"vector":%s},{"id":2,"$dist":0,"vector":%s}]`, want, want))
	}
}

// wasZipped says whether an answer of `limit` rows came as gzip. This client leaves unzipping to net/http, which notes it.
func wasZipped(s *server, client turbopuffer.Client, limit int64) bool {
	s.t.Helper()
	ns := client.Namespace(s.name(""))
	params := byID(nil)
	params.TopK = turbopuffer.Int(limit)
	params.IncludeAttributes = turbopuffer.IncludeAttributesParam{StringArray: []string{"text"}}
	var raw *http.Response
	answer, err := ns.Query(s.ctx, params, option.WithResponseInto(&raw))
	s.must(err)
	s.wantEqual(int64(len(answer.Rows)), limit)
	return raw.Uncompressed
}

// compression is of answers only: this client never zips what it sends.
func compression(_ *testing.T, s *server) {
	upserts := rows{}
	for id := range 500 {
		upserts = append(upserts, turbopuffer.RowParam{"id": id, "text": fmt.Sprintf("row number %d of many", id)})
	}
	zipping := s.clientWith(option.WithCompression(true))
	written := s.write(zipping.Namespace(s.name("")), turbopuffer.NamespaceWriteParams{UpsertRows: upserts})
	s.wantEqual(written.RowsAffected, int64(500))
	s.wantStored(zipping.Namespace(s.name("")), []string{"text"}, s.encode(upserts))
	s.wantEqual(wasZipped(s, zipping, 500), true)
	s.wantEqual(wasZipped(s, zipping, 1), false)
	s.wantEqual(wasZipped(s, s.client, 500), false)
}

// regionInPath is code that hard-wires its region. The engine drops a leading region; the gateway has no such route.
func regionInPath(_ *testing.T, s *server) {
	regional := s.clientWith(
		option.WithBaseURL(setting(s.t, "VENDOR_BASE_URL")+"/REGION"),
		option.WithRegion("gcp-us-central1"),
	)
	ns := regional.Namespace(s.name(""))
	_, err := ns.Write(s.ctx, turbopuffer.NamespaceWriteParams{UpsertRows: rows{{"id": 1}}})
	if s.gateway {
		s.wantError(err, 404, "")
		return
	}
	s.must(err)
	s.wantStored(ns, nil, `[{"id":1}]`)
	s.wantStored(s.namespace(""), nil, `[{"id":1}]`)
}
