package pages

import (
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestHostileTexts puts hostile texts in all places for strangers' texts: all texts
// together on every page, and each text on the pages with the most such places. It holds
// that the page has the same elements as with a harmless text.
func TestHostileTexts(t *testing.T) {
	all := strings.Join(hostile, " ")
	for _, s := range samples() {
		want := elements(t, "harmless", s.page)
		texts := []string{all}
		if slices.Contains([]string{"waiting-wrong", "waiting-quorum", "decided-yours", "trouble-retry"}, s.name) {
			texts = append(texts, hostile...)
		}
		for _, text := range texts {
			if got := elements(t, text, s.page); !reflect.DeepEqual(got, want) {
				t.Errorf("%s with %q:\n got %q\nwant %q", s.name, text, got, want)
			}
		}
	}
}

// elements returns the names of a page's elements and of their attributes, with the given
// text in place of every text from strangers.
func elements(t *testing.T, text string, page Page) []string {
	t.Helper()
	name := "harmless"
	if checkName(text) == nil {
		name = text
	}
	p := pagesOf(t, Brand{Name: name})
	root := parse(t, render(t, p, "en", filled(page, text)))
	testInert(t, p, root)
	var all []string
	for _, n := range find(root) {
		if value(n, "class") == "jump" { // depends on how long the texts are
			continue
		}
		line := n.Data
		for _, a := range n.Attr {
			line += " " + a.Key
		}
		all = append(all, line)
	}
	return all
}

// words are the fields that are not replaced: those that select what is shown, and the
// message, which may create elements.
var words = map[string]bool{"State": true, "Action": true, "Kind": true, "Comment": true, "Confirm": true, "Message": true}

// filled returns a copy of a page with every other text replaced.
func filled(page Page, text string) Page {
	return fill(reflect.ValueOf(page), text).Interface().(Page)
}

func fill(v reflect.Value, text string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			out.SetString(text)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(fill(v.Elem(), text))
		}
	case reflect.Slice:
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(fill(v.Index(i), text))
		}
	case reflect.Map:
		values := url.Values{"nonce": {text}, "comment": {text}, "approver": {text}, "confirm": {text}, "field." + text: {text}}
		if !v.IsNil() {
			out.Set(reflect.ValueOf(values))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() && !words[field.Name] {
				out.Field(i).Set(fill(v.Field(i), text))
			}
		}
	}
	return out
}
