package api

import "encoding/json"

// Tags are labels of a callback. A registration may have them as JSON strings, numbers or
// booleans; they are kept as texts, with the digits of numbers as they are written.
type Tags map[string]string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *Tags) UnmarshalJSON(text []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil || raw == nil {
		return err
	}
	tags := make(Tags, len(raw))
	for key, value := range raw {
		kept := string(value)
		switch kept[0] {
		case '"', '[', '{', 'n':
			kept = ""
			if err := json.Unmarshal(value, &kept); err != nil {
				return err
			}
		}
		tags[key] = kept
	}
	*t = tags
	return nil
}
