package pages

import "html/template"

type progressView struct {
	Text    template.HTML
	Dots    []bool
	Against bool // the dots count rejections
}

// maxDots is how many people can be counted at a glance.
const maxDots = 12

func (v *view) progress(p *Progress) error {
	if p == nil {
		return nil
	}
	for _, row := range []struct {
		key        string
		in, needed int
		shown      bool
		against    bool
	}{
		{"progress.approvals", p.Approved, p.Required, p.Required > 1, false},
		{"progress.rejections", p.Rejected, p.Rejections, p.Rejections > 1 && p.Rejected > 0, true},
	} {
		if !row.shown {
			continue
		}
		text, err := v.T(row.key, "in", row.in, "needed", row.needed)
		if err != nil {
			return err
		}
		var dots []bool
		for i := 0; i < row.needed && row.needed <= maxDots; i++ {
			dots = append(dots, i < row.in)
		}
		v.Progress = append(v.Progress, progressView{text, dots, row.against})
	}
	return nil
}
