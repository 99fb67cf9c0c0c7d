package bodies_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/text/encoding/htmlindex"

	"callback-relay/bodies"
)

func kindOf(contentType string) bodies.Kind {
	return bodies.KindOf(http.Header{"Content-Type": {contentType}})
}

// Row 92: for every charset of the WHATWG Encoding Standard, each text that can be written
// in it is read, as a text and in a form.
func TestEveryCharset(t *testing.T) {
	for label, text := range map[string]string{
		"utf-8": "Zoë 日本", "ibm866": "да", "iso-8859-2": "čaj, kůň", "iso-8859-3": "ĦħĜ", "iso-8859-4": "ĀāĪ", "iso-8859-5": "да", "iso-8859-6": "سلام",
		"iso-8859-7": "Ωμέγα", "iso-8859-8": "שלום", "iso-8859-10": "ĀĒĢ", "iso-8859-13": "ąčę", "iso-8859-14": "ŵŷ", "iso-8859-15": "€œ", "iso-8859-16": "șț",
		"koi8-r": "да", "koi8-u": "їжак", "macintosh": "é√", "windows-874": "ไทย", "windows-1250": "čaj, kůň", "windows-1251": "да", "windows-1252": "€é—",
		"windows-1253": "Ωμέγα", "windows-1254": "ğş", "windows-1255": "שלום", "windows-1256": "سلام", "windows-1257": "ąčę", "windows-1258": "đ₫",
		"x-mac-cyrillic": "да", "gbk": "你好", "gb18030": "你好€", "big5": "你好", "euc-jp": "日本", "iso-2022-jp": "日本", "shift_jis": "日本", "euc-kr": "안녕",
		"utf-16be": "Zoë 日本", "utf-16le": "Zoë 日本",
		// Other names for charsets.
		"latin1": "é", "l1": "é", "ascii": "é", "sjis": "日本", "gb2312": "你好", "ks_c_5601-1987": "안녕", "UTF-16": "Zoë 日本", "x-sjis": "日本", "cp1252": "€",
	} {
		charset, err := htmlindex.Get(strings.TrimSpace(label))
		if err != nil {
			t.Fatal(label, err)
		}
		written, err := charset.NewEncoder().String(text)
		if err != nil {
			t.Fatal(label, err)
		}
		got, err := kindOf("text/plain; charset="+label).JSON([]byte(written), 1000)
		if err != nil || string(got) != `"`+text+`"` {
			t.Errorf("%s: got %q, %v", label, got, err)
		}
		var escaped strings.Builder
		for i := range len(written) {
			const hex = "0123456789ABCDEF"
			escaped.Write([]byte{'%', hex[written[i]>>4], hex[written[i]&15]})
		}
		if strings.HasPrefix(strings.TrimSpace(strings.ToLower(label)), "utf-16") {
			continue // forms do not use it
		}
		got, err = kindOf("application/x-www-form-urlencoded").JSON([]byte("_charset_="+label+"&a="+escaped.String()), 1000)
		if want := `{"_charset_":"` + label + `","a":"` + text + `"}`; err != nil || string(got) != want {
			t.Errorf("%s: a form became %q, %v", label, got, err)
		}
	}
}

// Row 93: the type ends at the first semicolon or comma.
func TestMediaTypes(t *testing.T) {
	for contentType, want := range map[string]string{
		"": "", "application/json": "application/json", " Application/JSON ;charset": "application/json", "text/plain,text/html;x": "text/plain",
		"application/json;;;": "application/json", `text/plain; x=";,"`: "text/plain", ";": "", "json": "json",
	} {
		if got := kindOf(contentType).MediaType(); got != want {
			t.Errorf("%q: got %q, want %q", contentType, got, want)
		}
	}
	twice := bodies.KindOf(http.Header{"Content-Type": {"", "text/plain", "application/json"}})
	if got := twice.MediaType(); got != "text/plain" {
		t.Errorf("of three headers the type is %q", got)
	}
}

// Row 90: how long a body may be for a given limit of the output.
func TestMaxBytes(t *testing.T) {
	for contentType, want := range map[string]int{
		"": 100, "application/json": 100, "application/x-www-form-urlencoded": 300, "multipart/form-data; boundary=x": 300,
		"text/plain; charset=utf-16": 202, "text/plain; charset=latin1": 100,
	} {
		if got := kindOf(contentType).MaxBytes(100); got != want {
			t.Errorf("%q: %d bytes, want %d", contentType, got, want)
		}
	}
}

func TestParseForm(t *testing.T) {
	form, err := bodies.ParseForm([]byte("a=1&&b=%4&c+d=%E4&=x&e"))
	if err != nil || len(form) != 5 {
		t.Fatalf("%d fields, %v", len(form), err)
	}
	for i, want := range [][2]string{{"a", "1"}, {"b", "%4"}, {"c d", "\xe4"}, {"", "x"}, {"e", ""}} {
		if form[i].Name != want[0] || form[i].Value != want[1] {
			t.Errorf("field %d is %q, want %q", i, [2]string{form[i].Name, form[i].Value}, want)
		}
	}
	if _, err := bodies.ParseForm([]byte(strings.Repeat("a&", bodies.MaxFields))); err != nil {
		t.Errorf("as many fields as may be: %v", err)
	}
	if _, err := bodies.ParseForm([]byte(strings.Repeat("a&", bodies.MaxFields+1))); err == nil {
		t.Error("one field too many is taken")
	}
}
