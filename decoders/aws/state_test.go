package aws

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/assent-iom/assent/model"
	"github.com/assent-iom/assent/model/vocab"
)

// What exists is told in the same words as what is asked for, and what nobody said of it
// is not told: no default of a creation stands in for it.
func TestStateIsWhatTheModelSays(t *testing.T) {
	d := decoder(t)
	for kind, c := range map[string]struct{ attrs, want string }{
		"rds:db":                            {`{"BackupRetentionPeriod":3,"StorageEncrypted":false,"PubliclyAccessible":true}`, "backup.retentionDays=3 encryption.atRest=false network.public=true "},
		"rds:cluster":                       {`{"DeletionProtection":true}`, "lifecycle.deletionProtection=true "},
		"dynamodb:table":                    {`{"DeletionProtectionEnabled":false}`, "lifecycle.deletionProtection=false "},
		"ec2:volume":                        {`{"Encrypted":true,"KmsKeyId":"k"}`, "encryption.atRest=true encryption.atRest.key=k "},
		"ec2:security-group":                {`{"IpPermissions":[{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}`, "network.ingress=[map[cidr:0.0.0.0/0 from:22 proto:tcp to:22]] network.ingress.public=true "},
		"elasticloadbalancing:loadbalancer": {`{"Scheme":"internal"}`, "network.public=false "},
		"autoscaling:autoScalingGroup":      {`{"MinSize":1,"MaxSize":4}`, "scale.max=4 scale.min=1 "},
		"nobody:knows":                      {`{"Encrypted":true}`, ""},
		"ec2:subnet":                        {`{}`, ""},
	} {
		got := ""
		for _, p := range d.State(model.Resource{URN: "arn:aws:x:us-east-1:123456789012:y", Type: kind, Attrs: json.RawMessage(c.attrs)}) {
			if p.Known {
				got += fmt.Sprintf("%s=%v ", p.Name, p.Value)
			}
			if p.Source != "current" {
				t.Errorf("%s of %s is from %s", p.Name, kind, p.Source)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", kind, got, c.want)
		}
	}
	for kind, rows := range d.states {
		for _, r := range rows {
			if _, ok := vocab.Find(r.Name); !ok {
				t.Errorf("%s: %s is no word of the vocabulary", kind, r.Name)
			}
			if r.Absent != nil {
				t.Errorf("%s: %s has a default", kind, r.Name)
			}
		}
	}
}
