package hevlayer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"sync"
	"unicode/utf8"
)

// This file writes request bodies. Beside encoding/json it knows three things: a struct's Extra map, the document in which
// a number is not one (NaN has no JSON form, and the row's id says where to look), and []float32 at its own precision.

// Null is sent as JSON null where a field of any type is set to it; nil leaves the field out.
var Null = json.RawMessage("null")

// encodeJSON writes value. Its error names the path to what JSON cannot carry.
func encodeJSON(value any) ([]byte, error) {
	scratch := scratches.Get().(*[]byte)
	out, err := appendJSON((*scratch)[:0], value, 0)
	if err != nil {
		scratches.Put(scratch)
		return nil, err
	}
	text := bytes.Clone(out)
	if cap(out) <= scratchMax {
		*scratch = out
	}
	scratches.Put(scratch)
	return text, nil
}

// scratches are the buffers that bodies grow in: growing each anew would copy a large one five times over.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// encodeDepthMax bounds the nesting of a body: a map that holds itself would end the process, not the call.
const encodeDepthMax = 512

var errTooDeep = fmt.Errorf("nested deeper than %d levels, or circular", encodeDepthMax)

// scratchMax is the largest buffer, in bytes, that is kept for the next body.
const scratchMax = 32 << 20

// pathError gathers the path from the inside out, so that the path costs nothing while all goes well.
type pathError struct {
	path  string
	cause error
}

func (e *pathError) Error() string { return e.path + ": " + e.cause.Error() }
func (e *pathError) Unwrap() error { return e.cause }

// within puts a step in front of the path of err: a key, or an index in brackets.
func within(step string, err error) error {
	var inner *pathError
	if !errors.As(err, &inner) {
		return &pathError{step, err}
	}
	if inner.path[0] == '[' || inner.path[0] == ' ' {
		return &pathError{step + inner.path, inner.cause}
	}
	return &pathError{step + "." + inner.path, inner.cause}
}

func appendJSON(out []byte, value any, depth int) ([]byte, error) {
	if depth > encodeDepthMax {
		return nil, errTooDeep
	}
	switch v := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case string:
		return appendString(out, v), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(out, v, 10), nil
	case uint64:
		return strconv.AppendUint(out, v, 10), nil
	case float64:
		return appendFloat(out, v, 64)
	case float32:
		return appendFloat(out, float64(v), 32)
	case []float64:
		return appendFloats(out, v, 64)
	case []float32:
		return appendFloats(out, v, 32)
	case Row:
		return appendRow(out, v, depth)
	case map[string]any:
		return appendMap(out, v, depth)
	case []any:
		return appendSlice(out, len(v), v == nil, func(out []byte, index int) ([]byte, error) { return appendJSON(out, v[index], depth+1) })
	case json.RawMessage, json.Number:
		return appendForeign(out, v)
	default:
		return appendReflected(out, reflect.ValueOf(value), depth)
	}
}

func appendReflected(out []byte, value reflect.Value, depth int) ([]byte, error) {
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			return append(out, "null"...), nil
		}
		if value.Elem().Kind() == reflect.Struct && planned(value.Elem().Type()) {
			return appendStruct(out, value.Elem(), depth)
		}
	case reflect.Struct:
		if planned(value.Type()) {
			return appendStruct(out, value, depth)
		}
	case reflect.Slice:
		if !marshals(value.Type()) && value.Type().Elem().Kind() != reflect.Uint8 {
			return appendSlice(out, value.Len(), value.IsNil(), func(out []byte, index int) ([]byte, error) {
				return appendJSON(out, value.Index(index).Interface(), depth+1)
			})
		}
	case reflect.Map:
		if !marshals(value.Type()) && value.Type().ConvertibleTo(mapType) {
			return appendMap(out, value.Convert(mapType).Interface().(map[string]any), depth)
		}
	}
	return appendForeign(out, value.Interface())
}

var (
	mapType       = reflect.TypeFor[map[string]any]()
	marshalerType = reflect.TypeFor[json.Marshaler]()
)

// planned says whether a struct is one of ours, with an Extra map and a field for every key.
func planned(structure reflect.Type) bool {
	_, ok := structure.FieldByName(extraField)
	return ok && structure.PkgPath() == packagePath
}

var packagePath = reflect.TypeFor[plan]().PkgPath()

func marshals(kind reflect.Type) bool { return kind.Implements(marshalerType) }

func appendStruct(out []byte, value reflect.Value, depth int) ([]byte, error) {
	shape := planOf(value.Type())
	out = append(out, '{')
	start := len(out)
	var err error
	for _, field := range shape.fields {
		member := value.Field(field.index)
		if field.optional && isUnset(member) {
			continue
		}
		out = appendKey(out, start, field.wire)
		if out, err = appendJSON(out, member.Interface(), depth+1); err != nil {
			return nil, within(field.wire, err)
		}
	}
	if shape.extra >= 0 {
		if out, err = appendExtra(out, start, shape, value, depth); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// appendExtra writes the keys of Extra that no field has written.
func appendExtra(out []byte, start int, shape *plan, value reflect.Value, depth int) ([]byte, error) {
	extra, _ := value.Field(shape.extra).Interface().(map[string]any)
	var err error
	for _, wire := range sortedKeys(extra) {
		if field, known := shape.byWire[wire]; known && !(field.optional && isUnset(value.Field(field.index))) {
			continue
		}
		out = appendKey(out, start, wire)
		if out, err = appendJSON(out, extra[wire], depth+1); err != nil {
			return nil, within(wire, err)
		}
	}
	return out, nil
}

func appendRow(out []byte, row Row, depth int) ([]byte, error) {
	out, err := appendMap(out, row, depth)
	if err != nil && row["id"] != nil {
		return nil, within(fmt.Sprintf(" (id %v)", row["id"]), err)
	}
	return out, err
}

func appendMap(out []byte, object map[string]any, depth int) ([]byte, error) {
	if object == nil {
		return append(out, "null"...), nil
	}
	out = append(out, '{')
	start := len(out)
	var err error
	// Sorted, so that equal values give equal bytes.
	for _, key := range sortedKeys(object) {
		out = appendKey(out, start, key)
		if out, err = appendJSON(out, object[key], depth+1); err != nil {
			return nil, within(key, err)
		}
	}
	return append(out, '}'), nil
}

func appendSlice(out []byte, length int, isNil bool, item func([]byte, int) ([]byte, error)) ([]byte, error) {
	if isNil {
		return append(out, "null"...), nil
	}
	out = append(out, '[')
	var err error
	for index := range length {
		if index > 0 {
			out = append(out, ',')
		}
		if out, err = item(out, index); err != nil {
			return nil, within("["+strconv.Itoa(index)+"]", err)
		}
	}
	return append(out, ']'), nil
}

func appendFloats[T float32 | float64](out []byte, numbers []T, bits int) ([]byte, error) {
	if numbers == nil {
		return append(out, "null"...), nil
	}
	out = append(out, '[')
	var err error
	for index, number := range numbers {
		if index > 0 {
			out = append(out, ',')
		}
		if out, err = appendFloat(out, float64(number), bits); err != nil {
			return nil, within("["+strconv.Itoa(index)+"]", err)
		}
	}
	return append(out, ']'), nil
}

func appendFloat(out []byte, number float64, bits int) ([]byte, error) {
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return nil, fmt.Errorf("%v has no JSON form", number)
	}
	format := byte('f')
	if abs := math.Abs(number); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(out, number, format, -1, bits), nil
}

// appendForeign leaves types that are not ours to encoding/json.
func appendForeign(out []byte, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return append(out, text...), nil
}

func appendKey(out []byte, start int, key string) []byte {
	if len(out) > start {
		out = append(out, ',')
	}
	return append(appendString(out, key), ':')
}

// appendString escapes what JSON requires and nothing else; bytes that are not UTF-8 become U+FFFD.
func appendString(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r < ' ':
			out = append(out, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}

func sortedKeys(object map[string]any) []string {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
