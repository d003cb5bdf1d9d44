package identify

import (
	"errors"
	"strings"

	"github.com/assent-iom/assent/decoders"
)

// form is what a query or ec2 call says of itself.
type form struct {
	Action, Version string
	Present         bool
}

// readForm finds Action and Version, in the URL or in a form body. Two of either
// are refused: a server may take the other one.
func readForm(c decoders.Call, q query) (form, error) {
	var f form
	inURL, err := f.scan(q)
	if err != nil {
		return form{}, err
	}
	if isForm(c.Header.Get("Content-Type")) || (len(c.Body) > 0 && c.Header.Get("Content-Type") == "") {
		inBody, err := f.scan(query(c.Body))
		if err != nil {
			return form{}, err
		}
		if inURL && inBody {
			return form{}, errors.New("the call has an Action both in its URL and in its body")
		}
	}
	f.Present = f.Action != ""
	return f, nil
}

func (f *form) scan(q query) (action bool, err error) {
	actions, versions := 0, 0
	q.each(func(k, v string, _ bool) bool {
		switch k {
		case "Action":
			f.Action = v
			actions++
		case "Version":
			f.Version = v
			versions++
		}
		return actions < 2 && versions < 2
	})
	if actions > 1 || versions > 1 {
		return false, errors.New("the call carries two Action or Version parameters")
	}
	return actions == 1, nil
}

func isForm(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(contentType), "application/x-www-form-urlencoded")
}
