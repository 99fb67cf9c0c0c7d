package senders_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"callback-relay/programs"
)

// Row 99: however the text that an item of Adyen was signed as is divided into its eight
// fields, only the genuine item is proven.
func TestAdyenOneSignatureOneItem(t *testing.T) {
	programs.Need(t, "openssl")
	const signed = "7914::Shop:a:1:EUR:REFUND:false:9:EUR:AUTHORISATION:true"
	signature := base64.StdEncoding.EncodeToString(opensslHMAC(t, "sha256", tokenHex, signed))
	parts, proven := strings.Split(signed, ":"), 0
	var divide func(from int, fields []string)
	divide = func(from int, fields []string) {
		if len(fields) == 7 {
			fields = append(fields, strings.Join(parts[from:], ":"))
			item, err := json.Marshal(map[string]any{"notificationItems": []any{map[string]any{"NotificationRequestItem": map[string]any{
				"pspReference": fields[0], "originalReference": fields[1], "merchantAccountCode": fields[2], "merchantReference": fields[3],
				"amount": map[string]string{"value": fields[4], "currency": fields[5]}, "eventCode": fields[6], "success": fields[7],
				"additionalData": map[string]string{"hmacSignature": signature},
			}}}})
			must(t, err)
			v := vector{Sender: "adyen", Secret: tokenHex, Body: string(item), ContentType: "application/json"}
			if v.check(t) == nil {
				proven++
				if fields[3] != "a:1:EUR:REFUND:false" {
					t.Errorf("%q", fields)
				}
			}
			return
		}
		for end := from + 1; end < len(parts); end++ {
			divide(end, append(fields[:len(fields):len(fields)], strings.Join(parts[from:end], ":")))
		}
	}
	divide(0, nil)
	if proven != 1 {
		t.Errorf("proven %d times", proven)
	}
}

// Row 99: the time that Mailgun and Dropbox Sign sign ends at one place only.
func TestSignedTimesEndOnce(t *testing.T) {
	programs.Need(t, "openssl")
	const signed = "17000000001700000000abc"
	signature := hex.EncodeToString(opensslHMAC(t, "sha256", hex.EncodeToString([]byte(longText)), signed))
	for sender, body := range map[string]func(at, rest string) (kind, body string){
		"mailgun": func(at, rest string) (string, string) {
			return "application/json", `{"signature":{"timestamp":"` + at + `","token":"` + rest + `","signature":"` + signature + `"}}`
		},
		"dropbox-sign": func(at, rest string) (string, string) {
			return formType, `json={"event":{"event_time":"` + at + `","event_type":"` + rest + `","event_hash":"` + signature + `"}}`
		},
	} {
		for end := range len(signed) + 1 {
			v := vector{Sender: sender, Secret: longText, At: 1_700_000_000, Headers: map[string]string{}}
			v.ContentType, v.Body = body(signed[:end], signed[end:])
			if err := v.check(t); (err == nil) != (end == len("1700000000")) {
				t.Errorf("%s, divided after %d bytes: %v", sender, end, err)
			}
		}
	}
}

// Row 99: however the lines that SNS signed are divided into members, only the genuine
// message is proven.
func TestSNSOneSignatureOneMessage(t *testing.T) {
	programs.Need(t, "openssl")
	key, w := newSNSKey(t), newWeb()
	w.put(snsCert, key.certificate)
	sender := snsSender(t, w)
	rest := "Timestamp\n" + key.at(0) + "\nTopicArn\n" + snsTopic + "\nType\nNotification"
	for _, message := range []string{"done\nMessageId\nm1\nSubject\nforged\n" + rest, "done\nMessageId\nm1\nSubject\nforged", "a\nMessageId\n\nMessageId\nb", "Subject\nx"} {
		for _, subject := range []any{"paid", nil} {
			good := key.notification().with("Message", message).with("Subject", subject).signed()
			text := message + "\nMessageId\n22b80b92\n"
			if subject != nil {
				text += "Subject\npaid\n"
			}
			proven := 0
			divideLines(text+rest, []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}, map[string]string{}, func(found map[string]string) {
				m := good.with("Subject", nil)
				for name, value := range found {
					m = m.with(name, value)
				}
				r := m.request()
				if sender.Check(t.Context(), r) == nil {
					if proven++; found["Message"] != message {
						t.Errorf("%q is also %q", message, found)
					}
				}
			})
			if proven != 1 {
				t.Errorf("%q with subject %v: proven %d times", message, subject, proven)
			}
		}
	}
}

// divideLines calls try with every way to divide a text, which begins with the value of the
// first name, into members. There may be no Subject.
func divideLines(text string, names []string, found map[string]string, try func(map[string]string)) {
	found = maps.Clone(found)
	if len(names) == 1 {
		found[names[0]] = text
		try(found)
		return
	}
	for next := 1; next < len(names); next++ {
		if next == 2 && names[1] != "Subject" || next > 2 {
			return
		}
		mark := "\n" + names[next] + "\n"
		for at := range len(text) {
			if strings.HasPrefix(text[at:], mark) {
				found[names[0]] = text[:at]
				divideLines(text[at+len(mark):], names[next:], found, try)
			}
		}
	}
}
