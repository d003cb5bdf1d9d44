package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const shopTerraform = `
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
provider "aws" {
  region                      = "us-east-1"
  skip_metadata_api_check     = true
}
resource "aws_s3_bucket" "reports" { bucket = "acme-reports-tf" }
resource "aws_dynamodb_table" "orders" {
  name         = "orders"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}
`

// terraform apply works through assent, and a refusal is printed under the
// address of the resource, word for word.
func TestTerraformApplyAndItsRefusal(t *testing.T) {
	terraform := tool(t, "terraform")
	mirror := awsProvider(t)
	c, w := startCloud(t, -1), newWorld(t)
	w.behind(c, "intent: intent\n")
	w.write("intent/shop.yaml", shopIntent)
	w.write("tf/main.tf", shopTerraform)
	w.env["TF_CLI_CONFIG_FILE"] = w.write("terraformrc", fmt.Sprintf("provider_installation {\n  filesystem_mirror { path = %q }\n}\n", mirror))
	dir := filepath.Join(w.dir, "tf")
	w.must(terraform, "-chdir="+dir, "init", "-no-color")
	r := w.assent("run", "--enforce", "--as", "deploy-agent", "--", terraform, "-chdir="+dir, "apply", "-auto-approve", "-no-color")
	if r.code != 0 {
		t.Fatalf("apply of declared resources: %v", r)
	}
	contains(t, "terraform", r.out, "Apply complete!")

	before := c.state()
	w.write("tf/more.tf", `resource "aws_iam_user" "mallory" { name = "mallory" }`)
	r = w.assent("run", "--enforce", "--as", "deploy-agent", "--", terraform, "-chdir="+dir, "apply", "-auto-approve", "-no-color")
	if r.code == 0 {
		t.Fatalf("an undeclared user was made: %v", r)
	}
	contains(t, "terraform", unwrapped(r.errOut), "AssentDenied", "assent refused this call", "with aws_iam_user.mallory")
	if after := c.state(); strings.Contains(after, "mallory") && !strings.Contains(before, "mallory") {
		t.Error("the refused user exists")
	}
	contains(t, "ledger verify", w.must(binary, "ledger", "verify").out, "verified")
}

// awsProvider returns the file system mirror that holds terraform's AWS
// provider: MIRROR/HOST/hashicorp/aws/VERSION/OS_ARCH/terraform-provider-aws….
func awsProvider(t *testing.T) string {
	t.Helper()
	home, _ := os.UserHomeDir()
	for _, root := range []string{filepath.Join(home, ".terraform.d"), "/usr/local/share/terraform", "/usr/share/terraform", "/opt"} {
		found := ""
		filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return fs.SkipDir
			case d.IsDir() && strings.Count(strings.TrimPrefix(path, root), "/") > 8:
				return fs.SkipDir
			case strings.HasPrefix(d.Name(), "terraform-provider-aws") && !d.IsDir():
				found = path
				return fs.SkipAll
			}
			return nil
		})
		if found != "" {
			mirror := filepath.Dir(found)
			for range 5 { // OS_ARCH, VERSION, aws, hashicorp, HOST
				mirror = filepath.Dir(mirror)
			}
			return mirror
		}
	}
	// The provider is no Go module, Python or npm package: where the machine lacks
	// it, no script can install it.
	t.Skip("NOT RUN: terraform's AWS provider is not on this machine")
	return ""
}

// unwrapped undoes the line breaks and the gutter of terraform's error boxes.
func unwrapped(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(s)), " ")
}
