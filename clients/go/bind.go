package hevlayer

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// This file puts parsed JSON into typed values. It differs from encoding/json in what it keeps: unknown keys and explicit
// nulls go to a struct's Extra map, so that decoding and encoding again loses nothing, in one pass over the text.

// decodeJSON parses text into the value that into points at. A type that disagrees names the path, as in rows[3].id.
func decodeJSON(text []byte, into any) error {
	value, err := parseJSON(text)
	if err != nil {
		return err
	}
	return bind(value, reflect.ValueOf(into).Elem(), "")
}

// bindResult puts a parsed answer into the result that into points at. A bare null is no result.
func bindResult(value, into any) error {
	target := reflect.ValueOf(into).Elem()
	if value == nil && target.Kind() != reflect.Interface {
		return fmt.Errorf("want %s, got null", jsonName(target.Type()))
	}
	return bind(value, target, "")
}

func bind(value any, into reflect.Value, path string) error {
	if value == nil {
		into.SetZero()
		return nil
	}
	switch into.Kind() {
	case reflect.Interface:
		into.Set(reflect.ValueOf(value))
		return nil
	case reflect.Pointer:
		made := reflect.New(into.Type().Elem())
		into.Set(made)
		return bind(value, made.Elem(), path)
	case reflect.Struct:
		return bindStruct(value, into, path)
	case reflect.Map:
		return bindMap(value, into, path)
	case reflect.Slice:
		return bindSlice(value, into, path)
	case reflect.String:
		if text, ok := value.(string); ok {
			into.SetString(text)
			return nil
		}
	case reflect.Bool:
		if flag, ok := value.(bool); ok {
			into.SetBool(flag)
			return nil
		}
	case reflect.Int64:
		if number, ok := toInt64(value); ok {
			into.SetInt(number)
			return nil
		}
	case reflect.Uint64:
		if number, ok := toUint64(value); ok {
			into.SetUint(number)
			return nil
		}
	case reflect.Float64:
		if number, ok := toFloat64(value); ok {
			into.SetFloat(number)
			return nil
		}
	}
	return mismatch(value, into.Type(), path)
}

func bindStruct(value any, into reflect.Value, path string) error {
	object, ok := value.(map[string]any)
	if !ok {
		return mismatch(value, into.Type(), path)
	}
	shape := planOf(into.Type())
	extra := map[string]any{}
	for wire, member := range object {
		field, known := shape.byWire[wire]
		if !known {
			extra[wire] = member
			continue
		}
		target := into.Field(field.index)
		if err := bind(member, target, join(path, wire)); err != nil {
			return err
		}
		// A null or zero that was spelled out would be left out on encoding; Extra keeps it on the wire.
		if field.optional && isUnset(target) {
			extra[wire] = member
		}
	}
	if shape.extra >= 0 && len(extra) > 0 {
		into.Field(shape.extra).Set(reflect.ValueOf(extra))
	}
	return nil
}

func bindMap(value any, into reflect.Value, path string) error {
	object, ok := value.(map[string]any)
	if !ok {
		return mismatch(value, into.Type(), path)
	}
	element := into.Type().Elem()
	if element.Kind() == reflect.Interface {
		into.Set(reflect.ValueOf(object).Convert(into.Type()))
		return nil
	}
	made := reflect.MakeMapWithSize(into.Type(), len(object))
	for key, member := range object {
		item := reflect.New(element).Elem()
		if err := bind(member, item, join(path, key)); err != nil {
			return err
		}
		made.SetMapIndex(reflect.ValueOf(key), item)
	}
	into.Set(made)
	return nil
}

func bindSlice(value any, into reflect.Value, path string) error {
	if numbers, ok := value.([]float64); ok {
		if into.Type().Elem().Kind() == reflect.Float64 {
			into.Set(reflect.ValueOf(numbers).Convert(into.Type()))
			return nil
		}
		value = widen(numbers)
	}
	items, ok := value.([]any)
	if !ok {
		return mismatch(value, into.Type(), path)
	}
	if into.Type().Elem().Kind() == reflect.Interface {
		into.Set(reflect.ValueOf(items).Convert(into.Type()))
		return nil
	}
	made := reflect.MakeSlice(into.Type(), len(items), len(items))
	for index, item := range items {
		if err := bind(item, made.Index(index), path+"["+strconv.Itoa(index)+"]"); err != nil {
			return err
		}
	}
	into.Set(made)
	return nil
}

func toInt64(value any) (int64, bool) {
	switch number := value.(type) {
	case int64:
		return number, true
	case float64:
		// 1e3 and 12.0 are integers too, however the sender spelled them.
		return int64(number), number == math.Trunc(number) && math.Abs(number) <= exactFloatMax
	default:
		return 0, false
	}
}

func toUint64(value any) (uint64, bool) {
	if number, ok := value.(uint64); ok {
		return number, true
	}
	number, ok := toInt64(value)
	return uint64(number), ok && number >= 0
}

func toFloat64(value any) (float64, bool) {
	switch number := value.(type) {
	case float64:
		return number, true
	case int64:
		return float64(number), true
	case uint64:
		return float64(number), true
	default:
		return 0, false
	}
}

func mismatch(value any, want reflect.Type, path string) error {
	where := ""
	if path != "" {
		where = " at " + path
	}
	return fmt.Errorf("want %s%s, got %s", jsonName(want), where, jsonNameOf(value))
}

func jsonNameOf(value any) string {
	if _, ok := value.(json.Number); ok {
		return "an integer beyond 64 bits"
	}
	return jsonName(reflect.TypeOf(value))
}

func jsonName(kind reflect.Type) string {
	switch kind.Kind() {
	case reflect.Pointer:
		return jsonName(kind.Elem())
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice:
		return "an array"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Int64, reflect.Uint64:
		return "an integer"
	default:
		return "a number"
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
