package aws

import (
	"strings"

	"github.com/assent-iom/assent/model"
)

// Identify finds the resource that an ARN names, or an id of which one type of
// thing has the like (subnet-0123456789abcdef0): whose it is, and where, is then not
// known.
func (l *Live) Identify(id string) (urn model.URN, kind string, ok bool) {
	d := l.current.Load()
	if parts, isARN := parseARN(id); isARN {
		if strings.Contains(id, "*") {
			return "", "", false
		}
		for _, info := range d.table.BySigningName(parts[2]) {
			s, err := info.Load()
			if err != nil {
				continue
			}
			kind := typeOfARN(id, s)
			for _, r := range ownTypes(s) {
				if r.Name == kind {
					return model.URN(canonical(kind, id)), kind, true
				}
			}
		}
		return "", "", false
	}
	name, ok := ec2Type(id)
	if !ok {
		return "", "", false
	}
	return model.URN("arn:aws:ec2:*:*:" + name + "/" + id), "ec2:" + name, true
}
