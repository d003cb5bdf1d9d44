package collect

import (
	"fmt"
	"strings"

	"github.com/assent-iom/assent/decoders/aws"
	"github.com/assent-iom/assent/model"
)

// tagged hands on what a page of tagged resources says: that each is there, and its
// tags. Of what else is known of them it says nothing.
func (r *reading) tagged(found []any) error {
	out := make([]model.Observation, 0, len(found))
	for _, thing := range found {
		m, _ := thing.(map[string]any)
		arn, _ := m["ResourceARN"].(string)
		parts := strings.SplitN(arn, ":", 6)
		if len(parts) != 6 || parts[0] != "arn" || strings.Contains(arn, "*") {
			return r.fail(malformed, fmt.Errorf("%w: %q is no ARN", errEntries, arn))
		}
		res := model.Resource{URN: model.URN(arn), Platform: platform, Type: r.c.typeOf(arn, parts[2]), Account: parts[4], Region: parts[3], Tags: map[string]string{}, Source: model.SourceTags}
		if res.Account == "" { // a bucket's says neither
			res.Account = r.account.id
		}
		if res.Region == "" {
			res.Region = r.region
		}
		list, _ := m["Tags"].([]any)
		for _, t := range list {
			if tag, ok := t.(map[string]any); ok {
				key, _ := tag["Key"].(string)
				res.Tags[key], _ = tag["Value"].(string)
			}
		}
		if len(res.Tags) == 0 {
			continue // it had some once: whether it is still there is not said
		}
		res.Name = res.Tags["Name"]
		out = append(out, model.Observation{Resource: res, Whole: true})
	}
	return r.page(out)
}

// typeOf is the type of an ARN: that of the row that reads it, or what its service
// calls it.
func (c *Collector) typeOf(arn, service string) string {
	if l := c.listingOf(model.URN(arn)); l != nil {
		return l.Type
	}
	s, _ := c.cfg.Decoder.Table().Service(service)
	return aws.TypeOf(arn, s)
}
