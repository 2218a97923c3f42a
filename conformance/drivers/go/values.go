package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"reflect"
	"strings"

	hevlayer "github.com/hev/layer/clients/go"
)

// safeInteger is the largest integer that any JSON reader keeps: 2^53 - 1.
var safeInteger = big.NewInt(1<<53 - 1)

// decode puts a value of the protocol into a new value of a Go type; nothing stands for the zero value.
func decode(text json.RawMessage, into reflect.Type) (reflect.Value, error) {
	made := reflect.New(into)
	if len(text) == 0 {
		return made.Elem(), nil
	}
	plain, err := untag(text)
	if err != nil {
		return made.Elem(), err
	}
	if into.Kind() == reflect.Map {
		// A bare map would lose integers to float64; a Row decodes them exactly and has the same shape.
		row := hevlayer.Row{}
		err = json.Unmarshal(plain, &row)
		return reflect.ValueOf(row).Convert(into), err
	}
	return made.Elem(), json.Unmarshal(plain, made.Interface())
}

// untag is the JSON that a call's value stands for, integers in full.
func untag(text json.RawMessage) (json.RawMessage, error) {
	value, err := parse(text)
	if err != nil {
		return nil, err
	}
	plain, omitted := plainOf(value)
	if omitted {
		return nil, errors.New("$omit stands where a value is needed")
	}
	return json.Marshal(plain)
}

func parse(text []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return value, err
}

func plainOf(value any) (plain any, omitted bool) {
	switch v := value.(type) {
	case []any:
		items := make([]any, 0, len(v))
		for _, item := range v {
			if plain, omitted := plainOf(item); !omitted {
				items = append(items, plain)
			}
		}
		return items, false
	case map[string]any:
		if len(v) == 1 {
			if text, ok := v["$int"].(string); ok {
				return json.Number(text), false
			}
			if text, ok := v["$b64"].(string); ok {
				raw, err := base64.StdEncoding.DecodeString(text)
				return raw, err != nil
			}
			// Go's request types fix the element type of a vector, so a typed array is a list here.
			if list, ok := v["$f32"].([]any); ok {
				return list, false
			}
			if _, ok := v["$omit"]; ok {
				return nil, true
			}
		}
		object := make(map[string]any, len(v))
		for key, item := range v {
			if plain, omitted := plainOf(item); !omitted {
				object[key] = plain
			}
		}
		return object, false
	default:
		return value, false
	}
}

// tagged is what a method returned as a value of the protocol.
func tagged(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("the result has no JSON form: %w", err)
	}
	parsed, err := parse(text)
	return tag(parsed), err
}

func tag(value any) any {
	switch v := value.(type) {
	case json.Number:
		number, ok := new(big.Int).SetString(v.String(), 10)
		if ok && number.CmpAbs(safeInteger) > 0 {
			return map[string]any{"$int": v.String()}
		}
	case []any:
		for index, item := range v {
			v[index] = tag(item)
		}
	case map[string]any:
		for key, item := range v {
			v[key] = tag(item)
		}
	}
	return value
}

// errorAnswer is the error message for what a method returned.
func errorAnswer(err error) map[string]any {
	fields := map[string]any{"message": err.Error(), "text": fmt.Sprintf("%v\n%+v\n%#v", err, err, err)}
	var common *hevlayer.HevlayerError
	if errors.As(err, &common) {
		body, bodyErr := parse(common.Body)
		if bodyErr != nil {
			body = string(common.Body)
		}
		if common.StatusCode != 0 {
			fields["status"] = common.StatusCode
		}
		fields["code"] = nullable(string(common.Kind))
		fields["message"] = common.Message
		fields["body"] = tag(body)
		fields["feature"] = nullable(common.Feature)
		fields["reason"] = nullable(common.Reason)
		fields["request_id"] = nullable(common.RequestID)
		if common.RetryAfter != 0 {
			fields["retry_after_ms"] = common.RetryAfter.Milliseconds()
		}
		fields["attempts"] = common.Attempts
		fields["operation_id"] = nullable(common.OperationID)
		fields["method"] = nullable(common.Method)
		fields["route"] = nullable(common.Route)
	}
	return map[string]any{"type": "error", "class": classOf(err), "native": fmt.Sprintf("%T", err), "fields": fields}
}

// classOf is the neutral class: by sentinel for answers, by type for the rest.
func classOf(err error) string {
	var answered *hevlayer.APIError
	if errors.As(err, &answered) {
		// Unsupported first: it goes by the code, whatever the status.
		for _, kind := range []struct {
			class    string
			sentinel error
		}{
			{"Unsupported", hevlayer.ErrUnsupported},
			{"BadRequest", hevlayer.ErrBadRequest},
			{"Authentication", hevlayer.ErrAuthentication},
			{"PermissionDenied", hevlayer.ErrPermissionDenied},
			{"NotFound", hevlayer.ErrNotFound},
			{"Conflict", hevlayer.ErrConflict},
			{"TooLarge", hevlayer.ErrTooLarge},
			{"Unprocessable", hevlayer.ErrUnprocessable},
			{"RateLimit", hevlayer.ErrRateLimited},
			{"Server", hevlayer.ErrServer},
		} {
			if errors.Is(err, kind.sentinel) {
				return kind.class
			}
		}
		return "APIError"
	}
	switch {
	case is[*hevlayer.APITimeoutError](err):
		return "APITimeout"
	case is[*hevlayer.APIConnectionError](err):
		return "APIConnection"
	case is[*hevlayer.CancelledError](err):
		return "Cancelled"
	case is[*hevlayer.ResponseError](err):
		return "Response"
	case is[*hevlayer.PageError](err):
		return "Page"
	case is[*hevlayer.ConfigError](err):
		return "Config"
	default:
		return "Other"
	}
}

func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func lowerCase(header http.Header) map[string]string {
	lower := make(map[string]string, len(header))
	for name, values := range header {
		lower[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return lower
}
