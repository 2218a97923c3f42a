package hevlayer

import (
	"net/http"
	"strconv"
	"strings"
)

// LayerResponse is a result with the measurements of its call, as the methods ending in WithPerf return it.
type LayerResponse[T any] struct {
	Data T
	Perf Perf
}

// Perf says how a call went.
type Perf struct {
	// LatencyMS is the time of the whole call in milliseconds: all attempts, the waits between them, and decoding.
	LatencyMS float64
	// CacheStatus is where the gateway found the answer: "hit", "miss" or "miss-on-error"; empty when it did not say.
	CacheStatus string
	// Fallback is "turbopuffer_direct" when the call went to Turbopuffer because the gateway could not be reached.
	Fallback string
	// Warnings are names of request parts that had no effect, such as "vector_attribute_dropped".
	Warnings []string
	// StableAsOf is the watermark of the answer, milliseconds since 1970; nil when the gateway gave none.
	StableAsOf *int64
	// Partial says that some parts of a federated query failed.
	Partial bool
	// NextCursor is the token of the next page from the headers; empty when there is none.
	NextCursor string
	// StatusCode and Header are those of the answer.
	StatusCode int
	Header     http.Header
	// RequestID is the answer's x-request-id.
	RequestID string
	// Attempts is how many requests were made, those to a gateway that could not be reached included.
	Attempts int
	// BytesSent and BytesReceived are the sizes of the bodies of the last attempt, the answer's after decompression.
	BytesSent, BytesReceived int
	// ConnectMS, FirstByteMS and BodyMS are milliseconds of the last attempt: until a connection was there, until the
	// answer began, and reading its body. They are 0 when the HTTP client does not report them.
	ConnectMS, FirstByteMS, BodyMS float64
	// DecodeMS is the time in milliseconds to turn the answer into the result.
	DecodeMS float64
}

// fallbackDirect is the value of Perf.Fallback, and stands in the warning that goes with it.
const fallbackDirect = "turbopuffer_direct"

func (a *answer) perf() *Perf {
	perf := &Perf{
		CacheStatus: a.header.Get("X-Layer-Cache"),
		Partial:     a.header.Get("X-Layer-Partial") == "true",
		NextCursor:  a.header.Get("X-Layer-Next-Cursor"),
		StatusCode:  a.status, Header: a.header, RequestID: a.header.Get("X-Request-Id"),
		Attempts: a.attempts, BytesSent: a.sent, BytesReceived: len(a.body),
		ConnectMS: a.timing.connect, FirstByteMS: a.timing.firstByte, BodyMS: a.timing.body,
	}
	warned := strings.Join(a.header.Values("X-Layer-Warning"), ",")
	for _, name := range strings.Split(warned, ",") {
		if name = strings.TrimSpace(name); name != "" {
			perf.Warnings = append(perf.Warnings, name)
		}
	}
	if stable, err := strconv.ParseInt(a.header.Get("X-Layer-Stable-As-Of"), 10, 64); err == nil {
		perf.StableAsOf = &stable
	}
	if a.direct {
		perf.Fallback = fallbackDirect
	}
	return perf
}
