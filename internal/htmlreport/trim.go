package htmlreport

import (
	"maps"
	"reflect"
	"slices"

	"synscope/internal/report/units"
)

// A record has this much room for a text, a list and a map; lines that are shorter than
// longLine hold nothing that a page could not show.
const (
	longLine     = 4 << 10
	longestText  = 500 // characters
	longestList  = mostEdges
	mostOfRecord = 20 // findings that a record shows
	largestMap   = 200
)

// trim shortens the texts, lists and maps of a record, and counts what it cut.
func trim(v reflect.Value) (cut uint64) {
	switch v.Kind() {
	case reflect.Pointer:
		return trim(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			cut += trim(v.Field(i))
		}
	case reflect.String:
		if short := units.Shortened(v.String(), longestText); v.CanSet() && short != v.String() {
			v.SetString(short)
			cut++
		}
	case reflect.Slice:
		return trimList(v)
	case reflect.Map:
		return trimMap(v)
	}
	return cut
}

func trimList(v reflect.Value) (cut uint64) {
	if !v.CanSet() || v.Type().Elem().Kind() == reflect.Uint8 { // raw JSON, which is read later
		return 0
	}
	if v.Len() > longestList {
		v.Set(v.Slice3(0, longestList, longestList))
		cut++
	}
	for i := range v.Len() {
		cut += trim(v.Index(i))
	}
	return cut
}

// trimMap leaves the first keys in their order.
func trimMap(v reflect.Value) uint64 {
	if !v.CanSet() || v.Len() <= largestMap || v.Type().Key().Kind() != reflect.String {
		return 0
	}
	keys := map[string]reflect.Value{}
	for _, k := range v.MapKeys() {
		keys[k.String()] = k
	}
	for _, name := range slices.Sorted(maps.Keys(keys))[largestMap:] {
		v.SetMapIndex(keys[name], reflect.Value{})
	}
	return 1
}
