package hevlayer

import (
	"reflect"
	"strings"
	"sync"
)

// This file reads the shape of a generated struct once, from its json tags, for the decoder, the encoder and the query
// string. A tag is the wire name; "omitempty" marks an optional field, which is left out while it is zero.

// extraField is the name of the map that carries the keys a struct has no field for.
const extraField = "Extra"

type plan struct {
	fields []planField
	byWire map[string]*planField
	// extra is the index of the Extra map, -1 when the struct has none.
	extra int
}

type planField struct {
	index    int
	wire     string
	optional bool
}

// plans holds one *plan for each struct type. A cache of facts about types, the same for every client.
var plans sync.Map

func planOf(structure reflect.Type) *plan {
	if known, ok := plans.Load(structure); ok {
		return known.(*plan)
	}
	made := &plan{byWire: map[string]*planField{}, extra: -1}
	for index := range structure.NumField() {
		field := structure.Field(index)
		if field.Name == extraField {
			made.extra = index
			continue
		}
		wire, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		made.fields = append(made.fields, planField{index: index, wire: wire, optional: options == "omitempty"})
	}
	for index := range made.fields {
		made.byWire[made.fields[index].wire] = &made.fields[index]
	}
	known, _ := plans.LoadOrStore(structure, made)
	return known.(*plan)
}

// isUnset says whether an optional field is left out: nil, or a plain value that is zero. An empty slice or map that is
// not nil was set on purpose.
func isUnset(value reflect.Value) bool {
	switch value.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		return value.IsNil()
	default:
		return value.IsZero()
	}
}
