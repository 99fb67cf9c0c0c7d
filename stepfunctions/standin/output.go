package standin

import "encoding/json"

// maxNumber is how many characters a number may have: the default limit of Jackson,
// which AWS uses, to judge by its messages.
const maxNumber = 1000

// readable returns whether the JSON reader of Step Functions accepts an output.
func readable(output []byte) bool {
	return json.Valid(output) && longestNumber(output) <= maxNumber
}

// longestNumber returns the length of the longest number in valid JSON.
func longestNumber(text []byte) int {
	longest, length, inString, escaped := 0, 0, false, false
	for _, b := range text {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = b == '\\'
			inString = b != '"'
		case b == '"':
			inString = true
		case b >= '0' && b <= '9', b == '-', b == '+', b == '.', b == 'e', b == 'E':
			length++
			longest = max(longest, length)
			continue
		}
		length = 0
	}
	return longest
}
