package names_test

import (
	"testing"
	"unicode/utf8"

	"callback-relay/names"
)

// Row 79: real names, in many alphabets, are accepted unchanged.
func TestNamesThatPeopleHave(t *testing.T) {
	for _, name := range []string{
		"Dana Okafor", "Lee", "O'Neill", "O’Neill", "D'Arcy-Smith", "J. R. R. Tolkien", "Jean-Luc", "Martin Luther King, Jr.", "Anne (Ops)",
		"José", "Zoë", "Łukasz Żółć", "Þórður Æ", "Ngũgĩ wa Thiong'o", "Nguyễn Thị Hồng", "Müller-Lüdenscheidt", "Çağrı İnönü", "Hawaiʻi Kamaʻāina",
		"Иван Иванов", "Жан-Поль", "Ђорђе", "Ольга О'Нил", "Дана Okafor", "Γιώργος Παπαδόπουλος", "Արմեն", "გიორგი", "דנה כהן", "ד״ר לוי",
		"محمد علی", "می\u200cخواهم", "فاطمة\u200e", "हिन्दी शर्मा", "क्\u200dष", "শ্রী দাস", "தமிழ்", "สมชาย", "ខ្មែរ", "မြန်မာ", "አበበ",
		"山田太郎", "山田 たろう", "ヤマダ タロウ", "山田Tarō", "ジョン・スミス", "佐々木", "辻\U000E0100", "ｼﾞｮﾝ", "王小明", "王Xiaoming", "ㄨㄤˊ", "김철수", "金哲洙", "김Kim",
		"Agent 007", "R2-D2", "李4", "team@example.com", "Dana 🚀", "👩\u200d💻", "X Æ A-12", "№ 5",
	} {
		if problem := names.Check(name); problem != "" {
			t.Errorf("%q is %s", name, problem)
		}
		if clean := names.Clean(name); clean == "" || !names.Same(clean, name) || names.Clean(clean) != clean {
			t.Errorf("%q becomes %q", name, clean)
		}
	}
	for name, want := range map[string]string{
		"山田 たろう": "山田 たろう", "می\u200cخواهم": "می\u200cخواهم", "क्\u200dष": "क्\u200dष", "辻\U000E0100": "辻\U000E0100", "👩\u200d💻": "👩\u200d💻",
		"  Dana\t\n Okafor ": "Dana Okafor", "Da\u200bna\u00a0Okafor\ufeff": "Dana Okafor", "Da\u00adna": "Dana", "Jose\u0301": "José",
		"Dana\u202e": "Dana", "Da\u200dna": "Dana", "D\ufe0fana": "Dana", "Dana\u2800Okafor": "Dana Okafor", "\u3164Dana": "Dana",
	} {
		if got := names.Clean(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

// Row 79: unreadable names, and names that mix alphabets in one word, are refused.
func TestNamesThatAreRefused(t *testing.T) {
	for name, want := range map[string]names.Problem{
		"\u3164": names.Unreadable, "\u2800": names.Unreadable, "\u2800 \u2800": names.Unreadable, "\u200b\u200b": names.Unreadable, "\ufeff": names.Unreadable,
		"\u115f\u1160": names.Unreadable, "\uffa0": names.Unreadable, "\u00ad": names.Unreadable, "\u034f": names.Unreadable, "\ufe0f": names.Unreadable,
		"\U000E0100": names.Unreadable, "\U000E0041": names.Unreadable, "\u0301": names.Unreadable, "\u180e": names.Unreadable, "\U0001D159": names.Unreadable,
		"\u202e\u2066": names.Unreadable, " \u3000\t": names.Unreadable, "\u17b4": names.Unreadable,
		"Da\x00na": names.Unreadable, "Dana\x07": names.Unreadable, "Da\x1bna": names.Unreadable, "\u009bDana": names.Unreadable, "Dana\x7f": names.Unreadable,
		"\ue000": names.Unreadable, "\ufffe": names.Unreadable, "Da\ufffdna": names.Unreadable,

		"Dana \u041ekafor": names.Mixed, "D\u0430na": names.Mixed, "Dan\u03b1": names.Mixed, "\u0391lice": names.Mixed, "Иvan": names.Mixed,
		"Δana": names.Mixed, "Jean-Pаul": names.Mixed, "ᎪᏞice": names.Mixed, "Danա": names.Mixed, "Danא": names.Mixed, "한글カタカナ": names.Mixed, "山田дом": names.Mixed,
		"\uff24\u0430na": names.Mixed, "D\u200b\u0430na": names.Mixed, "Da\u200d\u043d\u0430": names.Mixed, "Ιωαvνης": names.Mixed,
	} {
		if got := names.Check(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// A text without visible characters is blank.
func TestBlank(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, " \t\n": true, " \u200b ": true, "\u3164": true, "\u200b\u2800": true, "\u00ad": true, "\x00": true, "\U0001D159": true,
		"a": false, "?": false, "\u200ba": false, "🚀": false, "承認": false, "$": false,
	} {
		if got := names.Blank(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// Row 79: two spellings of one name are the same, and two names that look alike are alike.
func TestNamesThatAreOne(t *testing.T) {
	for _, pair := range [][2]string{
		{"Dana Okafor", "dana  OKAFOR"}, {"José", "Jose\u0301"}, {"Dana", "Ｄａｎａ"}, {"Dana", "Da\u200bna"}, {"Dana", "Dana\ufe0f"}, {"Dana", "Dana\U000E0101"},
		{"Dana", "\u3164Dana\uffa0"}, {"Dana Okafor", "Dana\u2800Okafor"}, {"Dana Okafor", "Dana\u3000Okafor"}, {"Dana Okafor", "Dana\u2009Okafor"},
		{"Dana", "𝐃𝐚𝐧𝐚"}, {"Dana", "Ⓓⓐⓝⓐ"}, {"Straße", "STRASSE"}, {"Σίσυφος", "ΣΊΣΥΦΟΣ"}, {"ｼﾞｮﾝ", "ジョン"}, {"김철수", "\u1100\u1175\u11b7철수"}, {"ﬁona", "Fiona"},
		{"Dana", "Da\u00adna"}, {"Dana", "Dana\u202c"}, {"Å", "\u212b"}, {"Nguyễn", "Nguye\u0302\u0303n"},
	} {
		if !names.Same(pair[0], pair[1]) || !names.Alike(pair[0], pair[1]) {
			t.Errorf("%q and %q: same %v, alike %v", pair[0], pair[1], names.Same(pair[0], pair[1]), names.Alike(pair[0], pair[1]))
		}
	}
	for _, pair := range [][2]string{
		{"Dana Okafor", "Dana \u041ekafor"}, {"Copa", "\u0421\u043e\u0440\u0430"}, {"Ilse", "llse"}, {"Ilse", "1lse"}, {"Oscar", "0scar"}, {"Alice", "\u0391lice"},
		{"PETER", "\u0420\u0415\u0422\u0415R"}, {"Marna", "Mama"}, {"Dana", "D\u0251na"}, {"O'Neill", "O’Neill"}, {"Jean-Luc", "Jean\u2010Luc"},
		{"Copa", "\u0441\u043e\u0440\u0430"}, {"Taro ニ", "Taro 二"},
	} {
		if names.Same(pair[0], pair[1]) || !names.Alike(pair[0], pair[1]) || !names.Alike(pair[1], pair[0]) {
			t.Errorf("%q and %q: same %v, alike %v", pair[0], pair[1], names.Same(pair[0], pair[1]), names.Alike(pair[0], pair[1]))
		}
	}
	for _, pair := range [][2]string{
		{"Dana", "Dan"}, {"Dana Okafor", "DanaOkafor"}, {"José", "Jose"}, {"Müller", "Muller"}, {"かな", "がな"}, {"Иван", "Ivan"}, {"山田", "山本"}, {"Lee", "Leo"},
		{"हरी", "हरि"}, {"김철수", "김철호"}, {"Anna", "Hanna"},
	} {
		if names.Alike(pair[0], pair[1]) {
			t.Errorf("%q and %q are taken for one", pair[0], pair[1])
		}
	}
}

// For any typed name, the cleaned name is the same name, is unchanged when cleaned again,
// and gets the same verdict.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"Dana Okafor", "\u3164", "D\u0430na", "Jose\u0301", "क्\u200dष", "辻\U000E0100", "\xff", "a\u0301\u200d\u0301", "\u2800\u0301"} {
		f.Add(name, "dana okafor")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		clean := names.Clean(a)
		if !names.Same(a, clean) || names.Clean(clean) != clean {
			t.Errorf("%q becomes %q, and then %q", a, clean, names.Clean(clean))
		}
		if names.Check(a) == "" && names.Check(clean) != "" {
			t.Errorf("%q is fine, and %q is %s", a, clean, names.Check(clean))
		}
		if names.Same(a, b) && !names.Alike(a, b) || names.Alike(a, b) != names.Alike(b, a) {
			t.Errorf("%q and %q: same %v, alike %v and %v", a, b, names.Same(a, b), names.Alike(a, b), names.Alike(b, a))
		}
	})
}
