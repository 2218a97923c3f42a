package hevlayer

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
)

// Row is one document: its id and its attributes side by side, as Turbopuffer has them on the wire. In a decoded row an
// integer is an int64 (uint64 above 2^63-1), an array of numbers a []float64, everything else what encoding/json makes of
// it. Set an attribute to nil to clear it in a patch.
type Row map[string]any

// Columns holds documents by column: attribute name to a slice with one element a document, "id" among them. A nil element
// stands for a missing value. Any slice will do: []string, [][]float32, []any.
type Columns map[string]any

// ID is the document's id: a string, an int64 or a uint64; nil when the row has none.
func (r Row) ID() any { return r["id"] }

// IDString is the document's id in the string form that FetchDocument takes; empty when the row has none.
func (r Row) IDString() string {
	switch id := r["id"].(type) {
	case nil:
		return ""
	case string:
		return id
	default:
		return fmt.Sprint(id)
	}
}

// Dist is the distance or score of the ranking. False when rows were ordered by an attribute.
func (r Row) Dist() (float64, bool) { return r.Float("$dist") }

// String is an attribute's text. False when it is absent, null or of another type.
func (r Row) String(attribute string) (string, bool) {
	text, ok := r[attribute].(string)
	return text, ok
}

// Bool is a boolean attribute. False in second place when it is absent, null or of another type.
func (r Row) Bool(attribute string) (value, ok bool) {
	value, ok = r[attribute].(bool)
	return value, ok
}

// Int is an integer attribute. False when it is absent, null, above 2^63-1 or of another type.
func (r Row) Int(attribute string) (int64, bool) {
	if number, ok := r[attribute].(int); ok {
		return int64(number), true
	}
	return toInt64(r[attribute])
}

// Float is a numeric attribute. False when it is absent, null or of another type.
func (r Row) Float(attribute string) (float64, bool) { return toFloat64(r[attribute]) }

// Vector is a vector attribute, whichever encoding the answer used. False when it is absent, null or no vector.
func (r Row) Vector(attribute string) ([]float64, bool) {
	switch vector := r[attribute].(type) {
	case []float64:
		return vector, true
	case []float32:
		wide := make([]float64, len(vector))
		for index, number := range vector {
			wide[index] = float64(number)
		}
		return wide, true
	case string:
		narrow, err := DecodeVector(vector)
		if err != nil {
			return nil, false
		}
		return Row{attribute: narrow}.Vector(attribute)
	default:
		return nil, false
	}
}

// UnmarshalJSON reads a row and keeps integers and number arrays as the type says.
func (r *Row) UnmarshalJSON(text []byte) error {
	var object map[string]any
	if err := decodeJSON(text, &object); err != nil {
		return err
	}
	*r = object
	return nil
}

// MarshalJSON writes the row with its keys in order.
func (r Row) MarshalJSON() ([]byte, error) { return encodeJSON(map[string]any(r)) }

// EncodeVector writes a vector as base64 of little-endian 32-bit floats, a third of the size of an array of numbers.
func EncodeVector(vector []float32) string {
	raw := make([]byte, 0, 4*len(vector))
	for _, number := range vector {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(number))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// DecodeVector reads what EncodeVector writes, and what a query with VectorEncoding "base64" returns.
func DecodeVector(text string) ([]float32, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("decode vector: %w", err)
	}
	if len(raw)%4 != 0 {
		return nil, fmt.Errorf("decode vector: %d bytes are not a multiple of 4", len(raw))
	}
	vector := make([]float32, len(raw)/4)
	for index := range vector {
		vector[index] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*index:]))
	}
	return vector, nil
}

// Bool returns a pointer to value, for optional fields: hevlayer.Bool(false) is sent, nil is not.
func Bool(value bool) *bool { return &value }

// Int returns a pointer to value, for optional fields where zero means something.
func Int(value int64) *int64 { return &value }

// Float returns a pointer to value, for optional fields where zero means something.
func Float(value float64) *float64 { return &value }

// String returns a pointer to value, for optional fields where the empty string means something.
func String(value string) *string { return &value }
