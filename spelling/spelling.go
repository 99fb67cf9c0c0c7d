package spelling

import (
	"slices"
	"strings"
)

// maxChars is how long a word may be. Of longer ones, only the beginning counts.
const maxChars = 64

// DidYouMean continues the sentence that a word is unknown: "; did you mean github?". It
// names up to three of the words that can be meant, and is "" if none is near. Case does not
// count.
func DidYouMean(word string, known []string) string {
	near := nearest(word, known)
	switch last := len(near) - 1; last {
	case -1:
		return ""
	case 0:
		return "; did you mean " + near[0] + "?"
	default:
		return "; did you mean " + strings.Join(near[:last], ", ") + " or " + near[last] + "?"
	}
}

// nearest returns up to three words that can be meant, the most likely first.
func nearest(word string, known []string) []string {
	word = strings.ToLower(word[:min(len(word), maxChars)])
	far := map[string]int{}
	var near []string
	for _, candidate := range known {
		name := strings.ToLower(candidate)
		far[candidate] = distance(word, name)
		isNear := far[candidate] <= max(2, len(name)/3) && 2*far[candidate] <= len(name)
		if isNear || word != "" && strings.HasPrefix(name, word) {
			near = append(near, candidate)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return far[a] - far[b] })
	if len(near) > 0 && far[near[0]] == 0 { // only the case is wrong
		return near[:1]
	}
	return near[:min(3, len(near))]
}

// distance is how many letters must be changed to make one word of another.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			before, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, before+cost)
		}
	}
	return row[len(b)]
}
