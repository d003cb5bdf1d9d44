package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model"
)

// A call that names more than is looked at is not understood: the one resource
// that nobody may touch might be among those that were left out.
func TestNoTargetIsLostInACrowd(t *testing.T) {
	d := decoder(t)
	noise := strings.Repeat(`"x",`, maxFields-1) + `"x"`
	var ids strings.Builder
	for i := range maxTargets + 1 {
		fmt.Fprintf(&ids, "&InstanceId.%d=i-%017x", i+1, i)
	}
	deep := strings.Repeat(`{"A":`, fieldDepth+2) + `"x"` + strings.Repeat(`}`, fieldDepth+2)
	for name, body := range map[string]string{
		"noise before the names": `{"AAA":[` + noise + `],"Names":["mine","prod"]}`,
		"noise inside the list":  `{"Names":["mine",` + noise + `,"prod"]}`,
		"names out of depth":     `{"AAA":` + deep + `,"Names":["mine"]}`,
	} {
		a, err := d.Decode(context.Background(), jsonCall(t, "ssm.us-east-1.amazonaws.com", "ssm", "AmazonSSM.DeleteParameters", body))
		if err == nil && (a.Fidelity != model.Opaque || !slices.Contains(a.Unknown, "targets")) {
			t.Errorf("%s: %v, %d targets, unknown %.3q", name, a.Fidelity, len(a.Targets), a.Unknown)
		}
	}
	a, err := d.Decode(context.Background(), ec2Call(t, "Action=TerminateInstances"+ids.String()))
	if err == nil && a.Fidelity != model.Opaque {
		t.Errorf("%d instances: %v with %d targets", maxTargets+1, a.Fidelity, len(a.Targets))
	}
	var keys strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&keys, "<Object><Key>k%d</Key><VersionId>v</VersionId><ETag>e</ETag><LastModifiedTime>Thu, 01 Jan 2026 00:00:00 GMT</LastModifiedTime></Object>", i)
	}
	a, err = d.Decode(context.Background(), call(t, "POST", "https://b.s3.us-east-1.amazonaws.com/?delete", "s3", "<Delete>"+keys.String()+"</Delete>"))
	if err != nil || a.Fidelity != model.Exact || len(a.Targets) < 1000 {
		t.Errorf("the largest honest batch: %v, %v, %d targets, unknown %v", err, a.Fidelity, len(a.Targets), a.Unknown)
	}
}
