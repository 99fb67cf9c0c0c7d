package store

import "callback-relay/relay"

// remains is what stays of a content after the end, beside the [summary], so that pages
// still say what was decided about. It has a field of its own: replicas of the previous
// release compare the text of a summary, and drop what they do not know of it. It is
// sealed like the content. A callback without it is forgotten at its end, and so are
// the comments of those who decided.
type remains struct {
	Message     string         `json:"message,omitempty"`
	Details     []relay.Detail `json:"details,omitempty"`
	RequestedBy string         `json:"requestedBy,omitempty"`
	// Messages are the links' own messages, by number. One of each added link is there,
	// even if it is empty.
	Messages map[int]string `json:"messages,omitempty"`
}

// remains returns nil if nothing is to stay.
func (c *content) remains(links []relay.Link) *remains {
	if c == nil || c.Approval == nil || c.Approval.Forget {
		return nil
	}
	a := c.Approval
	r := remains{Message: a.Message, Details: a.Details, RequestedBy: a.RequestedBy, Messages: map[int]string{}}
	for _, link := range links {
		if own := c.Links[link.Name].Message; own != "" {
			r.Messages[int(link.Number)] = own
		}
	}
	return &r
}

// encode returns the text that is sealed.
func (r *remains) encode() string {
	if r == nil {
		return ""
	}
	return encoded(r)
}

// addTo adds to a view what remains for its link. added says that the link was added
// after the registration. If a replica of the previous release added it, its own message
// is unknown, and the approval's is not for those who open the link.
func (r *remains) addTo(v *relay.View, added bool) {
	if r == nil {
		return
	}
	own, known := r.Messages[int(v.Link.Number)]
	if added && !known {
		return
	}
	v.Request.Message = own
	v.Approval.Message, v.Approval.Details, v.Approval.RequestedBy = r.Message, r.Details, r.RequestedBy
}
