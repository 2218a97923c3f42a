package hevlayer

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestParsedNumbersKeepTheirExactValue(t *testing.T) {
	cases := map[string]any{
		`0`:                    int64(0),
		`9007199254740993`:     int64(9007199254740993),
		`-9223372036854775808`: int64(math.MinInt64),
		`9223372036854775808`:  uint64(9223372036854775808),
		`18446744073709551615`: uint64(math.MaxUint64),
		`18446744073709551616`: json.Number("18446744073709551616"),
		`1.5`:                  1.5,
		`1e3`:                  1000.0,
		`[1,2.5]`:              []float64{1, 2.5},
		`[1,0,0]`:              []float64{1, 0, 0},
		`[]`:                   []any{},
		`[1,null]`:             []any{int64(1), nil},
		`[1.5,"a"]`:            []any{1.5, "a"},
		`[9007199254740993]`:   []any{int64(9007199254740993)},
		`[1,9007199254740993]`: []any{int64(1), int64(9007199254740993)},
		`[[1,2],[3]]`:          []any{[]float64{1, 2}, []float64{3}},
		`{"a":{"b":7}}`:        map[string]any{"a": map[string]any{"b": int64(7)}},
		` "ü\u00fc\n" `:        "üü\n",
		`"\ud83d\ude00"`:       "😀",
		`[true,false,null]`:    []any{true, false, nil},
	}
	for text, want := range cases {
		got, err := parseJSON([]byte(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v, want %#v", text, got, err, want)
		}
	}
	minusZero, err := parseJSON([]byte(`-0`))
	if number, ok := minusZero.(float64); err != nil || !ok || !math.Signbit(number) {
		t.Errorf("-0: got %#v, %v", minusZero, err)
	}
}

func TestWhatIsNoJSONIsRefusedExactlyWhereEncodingJSONRefusesIt(t *testing.T) {
	seeds := []string{
		``, ` `, `{`, `}`, `[`, `[1`, `[1,`, `[1,]`, `[,]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1 "b":2}`, `tru`,
		`true1`, `nul`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `+1`, `1 2`, `"`, `"\`, `"\x"`, `"\u12"`, "\"\n\"", "\"\x01\"",
		`1e999`, `{"a":1}`, `[1, 2 , 3]`, "\t[\r\n]", `"\u0000"`, `{"a":1}}`, `--1`, `1-`, "\"\xff\"", `{"a":{"b":[{}]}}`, `-0`,
	}
	for _, text := range seeds {
		compareWithEncodingJSON(t, []byte(text))
	}
	// Every cut and every replaced byte of a text that has all kinds of value in it.
	whole := []byte(`{"id":18446744073709551615,"v":[0.25,-1e-3],"s":"a\"\u00e9\\","n":null,"o":{"t":true,"f":[false,{}]}}`)
	for index := range whole {
		compareWithEncodingJSON(t, whole[:index])
		for _, replacement := range []byte(`"{}[],:0-.e\ tfn` + "\x00\xff") {
			changed := bytes.Clone(whole)
			changed[index] = replacement
			compareWithEncodingJSON(t, changed)
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`{"id":18446744073709551615,"v":[0.25,-1e-3],"s":"a\"\u00e9","n":null}`))
	f.Fuzz(func(t *testing.T, text []byte) { compareWithEncodingJSON(t, text) })
}

func compareWithEncodingJSON(t *testing.T, text []byte) {
	t.Helper()
	got, err := parseJSON(text)
	var want any
	wantErr := json.Unmarshal(text, &want)
	// An integer beyond every float is kept as a json.Number here.
	var outOfRange *json.UnmarshalTypeError
	if errors.As(wantErr, &outOfRange) && err == nil {
		return
	}
	if (err == nil) != (wantErr == nil) {
		t.Errorf("%q: got error %v, encoding/json has %v", text, err, wantErr)
		return
	}
	if err != nil {
		return
	}
	again, err := encodeJSON(got)
	if err != nil {
		t.Errorf("%q: %v", text, err)
		return
	}
	var roundTrip any
	if err := json.Unmarshal(again, &roundTrip); err != nil || !reflect.DeepEqual(roundTrip, want) {
		t.Errorf("%q: came back as %s, %v", text, again, err)
	}
}

func TestNestingIsBounded(t *testing.T) {
	deep := strings.Repeat("[", depthMax+1) + strings.Repeat("]", depthMax+1)
	if _, err := parseJSON([]byte(deep)); err == nil || !strings.Contains(err.Error(), "nested deeper than") {
		t.Errorf("got %v", err)
	}
	if _, err := parseJSON([]byte(deep[1 : len(deep)-1])); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

func TestAResponseKeepsWhatThisVersionDoesNotKnow(t *testing.T) {
	const wire = `{"rows":[{"id":9007199254740993,"$dist":0.5,"new":{"x":[1,"y"]}}],"billing":{"billable_logical_bytes_queried":0,"later":"b"},` +
		`"performance":null,"hybrid":{"tokens":2}}`
	var response QueryResponse
	if err := json.Unmarshal([]byte(wire), &response); err != nil {
		t.Fatal(err)
	}
	equal(t, "id", response.Rows[0].ID(), any(int64(9007199254740993)))
	equal(t, "billed bytes", *response.Billing.BillableLogicalBytesQueried, 0)
	equal(t, "unknown field", response.Billing.Extra["later"], any("b"))
	if response.Performance != nil {
		t.Error("a null performance is nil")
	}
	again, err := json.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	var want, got map[string]any
	_, _ = json.Unmarshal([]byte(wire), &want), json.Unmarshal(again, &got)
	want["stable_as_of"], want["next_cursor"] = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("came back as %s", again)
	}
}

func TestARequestDecodesFromTheWireAndEncodesToTheSame(t *testing.T) {
	for _, wire := range []string{
		`{"offset":0,"top_k":null,"vector":[0.1,0.2]}`,
		`{"filters":["And",[["price","Lt",100],["brand","Eq",null]]],"include_attributes":["title"],"top_k":5}`,
		`{"include_attributes":false,"rank_by":["title","BM25","trail shoe"],"unknown_field":{"a":[1]}}`,
		`{"consistency":{"level":"strong","new":1},"exclude_attributes":[],"vector":"AACAPw=="}`,
	} {
		var request QueryRequest
		if err := json.Unmarshal([]byte(wire), &request); err != nil {
			t.Fatalf("%s: %v", wire, err)
		}
		again, err := encodeJSON(&request)
		if err != nil {
			t.Fatalf("%s: %v", wire, err)
		}
		var want, got any
		_, _ = json.Unmarshal([]byte(wire), &want), json.Unmarshal(again, &got)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s came back as %s", wire, again)
		}
	}
}

func TestARequestSendsWhatIsSetAndNothingElse(t *testing.T) {
	cases := []struct {
		request any
		want    string
	}{
		{&WriteRequest{}, `{}`},
		{&WriteRequest{UpsertRows: []Row{}, ReturnAffectedIds: Bool(false)}, `{"upsert_rows":[],"return_affected_ids":false}`},
		{&WriteRequest{PatchRows: []Row{{"id": 1, "price": nil}}}, `{"patch_rows":[{"id":1,"price":null}]}`},
		{&WriteRequest{DistanceMetric: "cosine_distance"}, `{"distance_metric":"cosine_distance"}`},
		{&WriteRequest{UpsertColumns: Columns{"id": []string{"a"}, "vector": [][]float32{{0.1}}}}, `{"upsert_columns":{"id":["a"],"vector":[[0.1]]}}`},
		{&WriteRequest{Deletes: []DocumentID{"a", uint64(math.MaxUint64)}}, `{"deletes":["a",18446744073709551615]}`},
		{&QueryRequest{Filters: Null, TopK: 3}, `{"top_k":3,"filters":null}`},
		{&QueryRequest{TopK: 3, Extra: map[string]any{"top_k": 9, "as_of": 0}}, `{"top_k":3,"as_of":0}`},
		{&QueryRequest{IncludeAttributes: true, Consistency: &Consistency{Level: "strong"}}, `{"include_attributes":true,"consistency":{"level":"strong"}}`},
		{&FetchDocumentsRequest{}, `{"ids":null}`},
		{map[string]any{"b": []string{"<&>"}, "a": "\u2028\x00\"\\"}, `{"a":"` + "\u2028" + `\u0000\"\\","b":["\u003c\u0026\u003e"]}`},
	}
	for _, c := range cases {
		got, err := encodeJSON(c.request)
		var wantValue, gotValue any
		if err != nil || json.Unmarshal(got, &gotValue) != nil || json.Unmarshal([]byte(c.want), &wantValue) != nil {
			t.Errorf("got %s, %v, want %s", got, err, c.want)
			continue
		}
		if !reflect.DeepEqual(gotValue, wantValue) {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestFloatsAreWrittenAtTheirOwnPrecision(t *testing.T) {
	for _, value := range []any{0.1, 1e21, 1e-7, math.Copysign(0, -1), 5e-324, math.MaxFloat64, float32(0.1), []float32{0.1, 16777216}, []float64{1, 1e300}} {
		got, err := encodeJSON(value)
		want, _ := json.Marshal(value)
		var gotValue, wantValue any
		if err != nil || json.Unmarshal(got, &gotValue) != nil || json.Unmarshal(want, &wantValue) != nil {
			t.Errorf("%v: got %s, %v", value, got, err)
		} else if !reflect.DeepEqual(gotValue, wantValue) {
			t.Errorf("%v: got %s, encoding/json writes %s", value, got, want)
		}
	}
}

func TestANumberThatIsNoneIsRefusedWithItsRow(t *testing.T) {
	request := &WriteRequest{UpsertRows: []Row{
		{"id": "a", "vector": []float64{1, 2}},
		{"id": "sku-17", "vector": []float32{1, float32(math.NaN())}},
	}}
	_, err := encodeJSON(request)
	if err == nil || err.Error() != "upsert_rows[1] (id sku-17).vector[1]: NaN has no JSON form" {
		t.Errorf("got %v", err)
	}
	_, err = encodeJSON(&QueryRequest{Vector: []float64{math.Inf(1)}})
	if err == nil || err.Error() != "vector[0]: +Inf has no JSON form" {
		t.Errorf("got %v", err)
	}
	if _, err = encodeJSON(map[string]any{"f": func() {}}); err == nil || !strings.HasPrefix(err.Error(), "f: ") {
		t.Errorf("got %v", err)
	}
	var unsupported *json.UnsupportedTypeError
	if !errors.As(err, &unsupported) {
		t.Errorf("the cause is not in the chain of %v", err)
	}
}

func TestAnAnswerOfAnotherTypeNamesThePath(t *testing.T) {
	cases := map[string]string{
		`{"rows":[{"id":1},5]}`:                   "want an object at rows[1], got an integer",
		`{"rows":{}}`:                             "want an array at rows, got an object",
		`{"billing":[]}`:                          "want an object at billing, got an array",
		`{"performance":{"server_total_ms":"x"}}`: "want an integer at performance.server_total_ms, got a string",
		`{"performance":{"server_total_ms":1.5}}`: "want an integer at performance.server_total_ms, got a number",
	}
	for text, want := range cases {
		var response QueryResponse
		if err := decodeJSON([]byte(text), &response); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestRowsGiveTypedAttributes(t *testing.T) {
	var row Row
	text := `{"id":18446744073709551615,"$dist":1,"n":7,"f":0.5,"s":"x","b":true,"v":[1,0.5],"e":"AACAPwAAAD8=","null":null}`
	if err := json.Unmarshal([]byte(text), &row); err != nil {
		t.Fatal(err)
	}
	equal(t, "id", row.IDString(), "18446744073709551615")
	dist, ok := row.Dist()
	equal(t, "dist", dist, 1)
	equal(t, "has dist", ok, true)
	number, ok := row.Int("n")
	equal(t, "int", number, 7)
	equal(t, "has int", ok, true)
	_, ok = row.Int("f")
	equal(t, "a fraction is no int", ok, false)
	_, ok = row.String("null")
	equal(t, "null is no string", ok, false)
	flag, _ := row.Bool("b")
	equal(t, "bool", flag, true)
	for _, name := range []string{"v", "e"} {
		vector, ok := row.Vector(name)
		if !ok || !reflect.DeepEqual(vector, []float64{1, 0.5}) {
			t.Errorf("%s: got %v, %v", name, vector, ok)
		}
	}
	equal(t, "a row without id", Row{}.IDString(), "")
	if _, err := DecodeVector("AAA="); err == nil {
		t.Error("two bytes are no vector")
	}
	back, err := DecodeVector(EncodeVector([]float32{0.1, -2}))
	if err != nil || !reflect.DeepEqual(back, []float32{0.1, -2}) {
		t.Errorf("got %v, %v", back, err)
	}
}

func TestFiltersAreTheWiresTuples(t *testing.T) {
	got, err := encodeJSON(And(Eq("brand", "Acme"), Not(In("id", []int{1, 2})), Or()))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "filter", string(got), `["And",[["brand","Eq","Acme"],["Not",["id","In",[1,2]]],["Or",[]]]]`)
	got, err = encodeJSON(Sum(Product(2, BM25("title", "shoe")), ANN("vector", []float32{0.5})))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rank", string(got), `["Sum",[["Product",2,["title","BM25","shoe"]],["vector","ANN",[0.5]]]]`)
}

func BenchmarkDecodeQueryResponse(b *testing.B) {
	rows := make([]Row, 1000)
	for index := range rows {
		vector := make([]float64, 128)
		for at := range vector {
			vector[at] = float64(index*128+at) / 7919
		}
		rows[index] = Row{"id": index, "$dist": 0.5, "vector": vector, "title": "a title"}
	}
	text, err := encodeJSON(map[string]any{"rows": rows})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("this package", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for range b.N {
			var response QueryResponse
			if err := decodeJSON(text, &response); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json maps", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for range b.N {
			var response struct{ Rows []map[string]any }
			if err := json.Unmarshal(text, &response); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for range b.N {
			if _, err := encodeJSON(&WriteRequest{UpsertRows: rows}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode with encoding/json", func(b *testing.B) {
		plain := make([]map[string]any, len(rows))
		for index, row := range rows {
			plain[index] = row
		}
		b.SetBytes(int64(len(text)))
		for range b.N {
			if _, err := json.Marshal(plain); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestABodyThatHoldsItselfIsRefused(t *testing.T) {
	circle := map[string]any{}
	circle["a"] = circle
	list := []any{nil}
	list[0] = list
	for _, value := range []any{circle, list, Row{"id": "r", "circle": circle}} {
		if _, err := encodeJSON(value); !errors.Is(err, errTooDeep) {
			t.Errorf("got %.80v", err)
		}
	}
}
