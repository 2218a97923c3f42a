package hevlayer

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// This file turns an operation and the arguments of a call into the bytes to send. What cannot be sent is refused here,
// before any connection is made.

// operation is what the spec says about one method of Client.
type operation struct {
	id     string
	method string
	// route is the path template at the gateway; upstream, when set, the one at Turbopuffer.
	route    string
	upstream string
	// marker is the encoded query that every call sends: what tells operations on one route apart.
	marker string
	safe   safety
	fall   fallthroughClass
	body   bodyRule
	// meta names the answer's headers that are lifted into the result.
	meta    []metaHeader
	answers answerRule
}

// safety says when a call may be sent again without asking.
type safety int

const (
	// safeOnce: only when the first request surely was not processed.
	safeOnce safety = iota
	// safeIdempotent: sending it twice has the effect of once.
	safeIdempotent
	// safeRead: it changes nothing.
	safeRead
)

// fallthroughClass says whether a call may go to Turbopuffer when the gateway cannot be reached.
type fallthroughClass int

const (
	fallthroughNo fallthroughClass = iota
	fallthroughYes
	// fallthroughSimple: only a query for the neighbours of a vector.
	fallthroughSimple
	// fallthroughNative: only a body that holds nothing of Layer's own.
	fallthroughNative
)

type bodyRule int

const (
	bodyNone bodyRule = iota
	bodyOptional
	bodyRequired
)

// answerRule says what a success carries.
type answerRule int

const (
	answersJSON answerRule = iota
	// answersText: the body is the result, as a string.
	answersText
	// answersNothing: a body is ignored.
	answersNothing
	// answersAnything: JSON, or no body at all.
	answersAnything
)

// metaHeader is an answer's header that becomes a field of the result, null when the header is absent.
type metaHeader struct {
	header  string
	field   string
	integer bool
}

// arguments are what the caller gave: path values in path order, a *Params struct, a body.
type arguments struct {
	path   []string
	params any
	body   any
	// rawPath replaces path and the operation's route; it is sent as it is.
	rawPath string
}

// rawPathProblem says why a path as the caller wrote it may not be sent, empty when it may: a dot segment, encoded or not,
// would reach another route than the one that is written.
func rawPathProblem(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "must begin with a slash"
	}
	if strings.Contains(path, "#") {
		return "must not hold a fragment"
	}
	route, _, _ := strings.Cut(path, "?")
	for _, segment := range strings.Split(route, "/") {
		if plain, err := url.PathUnescape(segment); err != nil || plain == "." || plain == ".." {
			return "must not hold the segment " + strconv.Quote(segment)
		}
	}
	return ""
}

// buildPath fills a route's braces with percent-encoded values. Empty, "." and ".." are refused: servers and proxies would
// resolve them to another route.
func buildPath(route string, values []string) (string, error) {
	var path strings.Builder
	rest := route
	for _, value := range values {
		before, after, _ := strings.Cut(rest, "{")
		name, tail, _ := strings.Cut(after, "}")
		if value == "" || value == "." || value == ".." {
			return "", fmt.Errorf("%s: %q cannot be part of a path", name, value)
		}
		path.WriteString(before)
		path.WriteString(url.PathEscape(value))
		rest = tail
	}
	path.WriteString(rest)
	return path.String(), nil
}

// buildQuery writes the marker, the fields of a *Params struct that are set, in the spec's order, then added's.
func buildQuery(marker string, params any, added url.Values) (string, error) {
	var query queryWriter
	if marker != "" {
		query.join(marker)
	}
	if value := reflect.ValueOf(params); params != nil && !value.IsNil() {
		if err := query.addStruct(value.Elem()); err != nil {
			return "", err
		}
	}
	if len(added) > 0 {
		query.join(spaceAsPercent(added.Encode()))
	}
	return query.text.String(), nil
}

type queryWriter struct{ text strings.Builder }

func (q *queryWriter) addStruct(value reflect.Value) error {
	shape := planOf(value.Type())
	for _, field := range shape.fields {
		member := value.Field(field.index)
		if field.optional && isUnset(member) {
			continue
		}
		if err := q.add(field.wire, member.Interface()); err != nil {
			return err
		}
	}
	extra, _ := value.Field(shape.extra).Interface().(map[string]any)
	for _, wire := range sortedKeys(extra) {
		if field, known := shape.byWire[wire]; known && !isUnset(value.Field(field.index)) {
			continue
		}
		if err := q.add(wire, extra[wire]); err != nil {
			return err
		}
	}
	return nil
}

func (q *queryWriter) add(name string, value any) error {
	text, err := queryText(reflect.ValueOf(value))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	q.join(queryEscape(name) + "=" + text)
	return nil
}

func (q *queryWriter) join(pair string) {
	if q.text.Len() > 0 {
		q.text.WriteByte('&')
	}
	q.text.WriteString(pair)
}

// spaceAsPercent spells a space as %20: not every server reads the + of forms as one.
func spaceAsPercent(encoded string) string { return strings.ReplaceAll(encoded, "+", "%20") }

// queryEscape percent-encodes text for a query string.
func queryEscape(text string) string { return spaceAsPercent(url.QueryEscape(text)) }

// queryText is a parameter's encoded value; the items of a list are joined with commas. Null has no spelling in a query.
func queryText(value reflect.Value) (string, error) {
	switch value.Kind() {
	case reflect.Invalid:
		return "", errors.New("null cannot stand in a query string")
	case reflect.Pointer, reflect.Interface:
		return queryText(value.Elem())
	case reflect.String:
		return queryEscape(value.String()), nil
	case reflect.Bool:
		return strconv.FormatBool(value.Bool()), nil
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(value.Int(), 10), nil
	case reflect.Uint64:
		return strconv.FormatUint(value.Uint(), 10), nil
	case reflect.Float64:
		text, err := appendFloat(nil, value.Float(), 64)
		return string(text), err
	case reflect.Slice:
		items := make([]string, value.Len())
		for index := range items {
			item, err := queryText(value.Index(index))
			if err != nil {
				return "", err
			}
			items[index] = item
		}
		return strings.Join(items, ","), nil
	default:
		return "", fmt.Errorf("%s cannot stand in a query string", value.Type())
	}
}

// isNil says whether a body was left out: nil, or a nil pointer or map in an interface.
func isNil(value any) bool {
	if value == nil {
		return true
	}
	reflected := reflect.ValueOf(value)
	switch reflected.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return reflected.IsNil()
	default:
		return false
	}
}
