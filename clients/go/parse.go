package hevlayer

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// This file reads JSON into Go values of unknown type. encoding/json would turn every number into a float64, which rounds
// ids above 2^53, or into a json.Number, which costs one string a number: 128,000 of them in a page of vectors. This reader
// keeps integers exact and number arrays flat in one pass; on such a page it takes half the time of encoding/json and a
// quarter of the memory (BenchmarkDecodeQueryResponse).

// depthMax is encoding/json's own limit on nesting; deeper texts are refused rather than risking the stack.
const depthMax = 10_000

// keysMax bounds the table of object keys that one text may share.
const keysMax = 1024

// exactFloatMax is the largest integer up to which every integer has a float64 of its own.
const exactFloatMax = 1 << 53

type parser struct {
	text  []byte
	at    int
	depth int
	// keys shares the strings of object keys, which repeat from row to row.
	keys map[string]string
}

// parseJSON reads one JSON value: nil, bool, string, int64, uint64 (above 2^63-1), float64, json.Number (an integer that
// fits neither), map[string]any, []float64 (numbers only, none rounded) or []any.
func parseJSON(text []byte) (any, error) {
	p := &parser{text: text, keys: map[string]string{}}
	value, err := p.value()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.at < len(p.text) {
		return nil, p.fail("unexpected text after the value")
	}
	return value, nil
}

func (p *parser) fail(problem string) error {
	if p.at >= len(p.text) {
		return fmt.Errorf("unexpected end of JSON at byte %d", len(p.text))
	}
	return fmt.Errorf("invalid JSON at byte %d: %s", p.at, problem)
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) value() (any, error) {
	p.space()
	if p.at >= len(p.text) {
		return nil, p.fail("")
	}
	switch c := p.text[p.at]; {
	case c == '{':
		return p.object()
	case c == '[':
		return p.array()
	case c == '"':
		return p.str()
	case c == '-' || (c >= '0' && c <= '9'):
		return p.number()
	case c == 't':
		return true, p.literal("true")
	case c == 'f':
		return false, p.literal("false")
	case c == 'n':
		return nil, p.literal("null")
	default:
		return nil, p.fail(fmt.Sprintf("unexpected %q", c))
	}
}

func (p *parser) literal(word string) error {
	if len(p.text)-p.at < len(word) || string(p.text[p.at:p.at+len(word)]) != word {
		return p.fail("want " + word)
	}
	p.at += len(word)
	return nil
}

func (p *parser) enter() error {
	p.depth++
	if p.depth > depthMax {
		return p.fail(fmt.Sprintf("nested deeper than %d", depthMax))
	}
	p.at++
	p.space()
	return nil
}

// more moves past the separator after an element and says whether another one follows.
func (p *parser) more(end byte) (bool, error) {
	p.space()
	if p.at >= len(p.text) {
		return false, p.fail("")
	}
	switch p.text[p.at] {
	case ',':
		p.at++
		p.space()
		return true, nil
	case end:
		p.at++
		p.depth--
		return false, nil
	default:
		return false, p.fail(fmt.Sprintf("want ',' or '%c'", end))
	}
}

func (p *parser) object() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	object := map[string]any{}
	if p.at < len(p.text) && p.text[p.at] == '}' {
		p.at++
		p.depth--
		return object, nil
	}
	for {
		if p.at >= len(p.text) || p.text[p.at] != '"' {
			return nil, p.fail("want a key in quotes")
		}
		key, err := p.key()
		if err != nil {
			return nil, err
		}
		p.space()
		if p.at >= len(p.text) || p.text[p.at] != ':' {
			return nil, p.fail("want ':' after a key")
		}
		p.at++
		if object[key], err = p.value(); err != nil {
			return nil, err
		}
		again, err := p.more('}')
		if err != nil || !again {
			return object, err
		}
	}
}

func (p *parser) array() (any, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	if p.at < len(p.text) && p.text[p.at] == ']' {
		p.at++
		p.depth--
		return []any{}, nil
	}
	numbers, again, err := p.numbers()
	if err != nil {
		return nil, err
	}
	if !again {
		return numbers, nil
	}
	items := widen(numbers)
	for again {
		item, err := p.value()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if again, err = p.more(']'); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// numbers reads the elements of an array for as long as each is a number with an exact float64. Again says that an element
// of another kind follows. Nothing is allocated for a number but its place in the slice.
func (p *parser) numbers() (numbers []float64, again bool, err error) {
	for {
		if p.at >= len(p.text) {
			return nil, false, p.fail("")
		}
		start := p.at
		if c := p.text[p.at]; c != '-' && (c < '0' || c > '9') {
			return numbers, true, nil
		}
		integer, err := p.scanNumber()
		if err != nil {
			return nil, false, err
		}
		text := p.text[start:p.at]
		number, err := strconv.ParseFloat(string(text), 64)
		// The length comes first: up to 15 digits every integer is exact.
		if err != nil || integer && len(text) > 15 && math.Abs(number) >= exactFloatMax {
			p.at = start
			return numbers, true, nil
		}
		numbers = append(numbers, number)
		if again, err = p.more(']'); err != nil || !again {
			return numbers, false, err
		}
	}
}

// widen turns an array that began as numbers into one of any values. Integers become int64 again, as they would have been.
func widen(numbers []float64) []any {
	items := make([]any, 0, len(numbers)+1)
	for _, number := range numbers {
		if number == math.Trunc(number) && math.Abs(number) <= exactFloatMax {
			items = append(items, int64(number))
		} else {
			items = append(items, number)
		}
	}
	return items
}

func (p *parser) key() (string, error) {
	raw, plain, err := p.quoted()
	if err != nil {
		return "", err
	}
	if !plain {
		return unquote(raw)
	}
	inner := raw[1 : len(raw)-1]
	if known, ok := p.keys[string(inner)]; ok {
		return known, nil
	}
	key := string(inner)
	if len(p.keys) < keysMax {
		p.keys[key] = key
	}
	return key, nil
}

func (p *parser) str() (any, error) {
	raw, plain, err := p.quoted()
	if err != nil {
		return nil, err
	}
	if plain {
		return string(raw[1 : len(raw)-1]), nil
	}
	return unquote(raw)
}

// quoted moves past a string and returns it with its quotes. Plain means that the bytes between them are the string.
func (p *parser) quoted() (raw []byte, plain bool, err error) {
	start, ascii, escaped := p.at, true, false
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			raw = p.text[start:p.at]
			return raw, !escaped && (ascii || utf8.Valid(raw)), nil
		case c == '\\':
			escaped = true
			p.at++
		case c < ' ':
			return nil, false, p.fail("control character in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false, p.fail("")
}

// unquote leaves escapes and broken UTF-8 to encoding/json.
func unquote(raw []byte) (string, error) {
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err
}

func (p *parser) number() (any, error) {
	start := p.at
	integer, err := p.scanNumber()
	if err != nil {
		return nil, err
	}
	return convertNumber(p.text[start:p.at], integer)
}

// scanNumber moves past a number and says whether it is written as an integer.
func (p *parser) scanNumber() (integer bool, err error) {
	if p.text[p.at] == '-' {
		p.at++
	}
	if p.at < len(p.text) && p.text[p.at] == '0' {
		p.at++
	} else if !p.digits() {
		return false, p.fail("want a digit")
	}
	integer = true
	if p.at < len(p.text) && p.text[p.at] == '.' {
		integer = false
		p.at++
		if !p.digits() {
			return false, p.fail("want a digit after '.'")
		}
	}
	if p.at < len(p.text) && (p.text[p.at] == 'e' || p.text[p.at] == 'E') {
		integer = false
		p.at++
		if p.at < len(p.text) && (p.text[p.at] == '+' || p.text[p.at] == '-') {
			p.at++
		}
		if !p.digits() {
			return false, p.fail("want a digit in the exponent")
		}
	}
	return integer, nil
}

func (p *parser) digits() bool {
	start := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at > start
}

func convertNumber(text []byte, integer bool) (any, error) {
	if integer && string(text) != "-0" {
		if number, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return number, nil
		}
		if number, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			return number, nil
		}
		return json.Number(text), nil
	}
	number, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return nil, fmt.Errorf("number %s does not fit a 64-bit float", text)
	}
	return number, nil
}
