package pages

import "slices"

// ahead tells whether a deadline lies ahead, or is the reason for the state.
func ahead(s State) bool {
	return slices.Contains([]State{Waiting, Counted, Alive, Declined, TooLate, SignIn, NotYou, NotByYou, Used, NoAddress}, s)
}

// persons says who can decide, and who the reader is.
func (v *view) persons(page Page) error {
	for _, line := range []struct{ key, name string }{{"for", page.For}, {"signed-in", page.SignedIn}} {
		if line.name == "" {
			continue
		}
		name, err := v.Name(line.name)
		if err != nil {
			return err
		}
		text, err := v.T(line.key, "name", name)
		if err != nil {
			return err
		}
		v.Persons = append(v.Persons, text)
	}
	return nil
}

// asked says who asks, since when, and until when.
func (v *view) asked(page Page) (err error) {
	if page.Requester != "" {
		if v.Requester, err = v.T("requester", "who", linked(page.Requester)); err != nil {
			return err
		}
	}
	if !page.Requested.IsZero() {
		key := "requested"
		if page.Requester != "" {
			key = "when"
		}
		m, err := v.moment(key, page.Requested, datedTime, v.past)
		if err != nil {
			return err
		}
		v.Requested = &m
	}
	if page.Form != nil && !page.Form.Declined.IsZero() {
		m, err := v.moment("declined.before", page.Form.Declined, datedTime, v.past)
		if err != nil {
			return err
		}
		v.Declined = &m
	}
	if page.Until.IsZero() {
		return nil
	}
	if !ahead(page.State) {
		m, err := v.deadline(page.Until)
		v.Deadline = &m
		return err
	}
	key, apart := "until", v.left
	if page.State == TooLate {
		key, apart = "until.late", v.past
	}
	m, err := v.moment(key, page.Until, shortTime, apart)
	v.Until = &m
	return err
}
