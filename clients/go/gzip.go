package hevlayer

import (
	"bytes"
	"compress/gzip"
	"fmt"
)

// gzipFrom is the size in bytes from which WithGzipRequests compresses; below it the header costs more than it saves.
const gzipFrom = 1 << 10

// compressor packs a request body. Only WithGzipRequests refers to the one there is, so that programs that do not use the
// option do not carry the code.
type compressor func(body []byte) ([]byte, error)

// WithGzipRequests compresses request bodies from 1 KiB up. Default off. Answers are always accepted compressed.
func WithGzipRequests() Option { return clientOption(func(s *settings) { s.compress = gzipBody }) }

func gzipBody(body []byte) ([]byte, error) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(body); err != nil {
		return nil, fmt.Errorf("compress the body: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("compress the body: %w", err)
	}
	return packed.Bytes(), nil
}
