package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSizesTable(t *testing.T) {
	got := sizesTable([]size{{"pending", 1509.4}, {"delivered", 700}}, "A machine.")
	want := `| a callback that is | takes in Redis, bytes |
|---|--:|
| pending | 1,509 |
| delivered | 700 |

Task tokens of 700 bytes; 1,000 of each kind. A machine.
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
