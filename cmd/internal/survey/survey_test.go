package survey

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/model/intent"
)

func machine(t *testing.T, files map[string]string, env map[string]string) Machine {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Machine{Dir: filepath.Join(root, "work"), Home: filepath.Join(root, "home"), User: "dana",
		Getenv: func(name string) string { return env[name] }, Glob: filepath.Glob,
		Read: func(path string, _ int64) ([]byte, error) { return os.ReadFile(path) }}
}

// TestWhatIsFoundIsDeclaredAndNothingIsAllowed: the first documents read, name what
// the machine knows, and allow nothing.
func TestWhatIsFoundIsDeclaredAndNothingIsAllowed(t *testing.T) {
	m := machine(t, map[string]string{
		"home/.aws/credentials":     "[default]\naws_access_key_id = AKIARZPUZDIKABSGK3LP\naws_secret_access_key = not-to-be-read-anywhere\n",
		"home/.aws/config":          "[profile prod]\nsso_account_id = 111122223333\n[profile x]\nrole_arn = arn:aws:iam::444455556666:role/x\n",
		"home/.ssh/id_ed25519.pub":  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM+ns5J0ftKtWyCPXe6zSpUt5vVerLzVeFukE+gYP94s dana@laptop\n",
		"home/.kube/config":         "apiVersion: v1\nkind: Config\nclusters:\n- {name: \"arn:aws:eks:eu-west-1:111122223333:cluster/shop\", cluster: {server: \"https://shop.example\"}}\n",
		"work/CODEOWNERS":           "* @shop/platform\n/pay @shop/checkout  # money\n[section]\n",
		"work/terraform.tfstate":    `{"version":4,"resources":[{"instances":[{"attributes":{"arn":"arn:aws:sqs:eu-central-1:777788889999:q","password":"not-to-be-read-anywhere"}},{"attributes":{}}]}]}`,
		"work/broken.tfstate":       `{`,
		"work/.github/unrelated.md": "x",
	}, nil)
	m.Mail = "dana@shop.example"
	f := Look(m)
	var accounts []string
	for _, a := range f.Accounts {
		accounts = append(accounts, a.ID)
	}
	if got := strings.Join(accounts, " "); got != "111122223333 123456789012 444455556666 777788889999" {
		t.Errorf("accounts %s", got)
	}
	if strings.Join(f.Clusters, " ") != "arn:aws:eks:eu-west-1:111122223333:cluster/shop" || f.Person != "human:dana@shop.example" || len(f.Teams) != 2 {
		t.Errorf("%+v", f)
	}
	if len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "broken.tfstate") {
		t.Errorf("notes %v", f.Notes)
	}
	all := ""
	dir := t.TempDir()
	for _, file := range f.Files() {
		all += file.Text
		path := filepath.Join(dir, file.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file.Text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set, err := intent.Load(os.DirFS(filepath.Join(dir, "intent")))
	if err != nil {
		t.Fatalf("%v\n%s", err, all)
	}
	if len(set.Environments) != 5 || len(set.Owners) != 1 || len(set.Actors) != 1 || len(set.Intents) != 0 || set.Actors[0].Name != "dana" {
		t.Errorf("%d environments, %d owners, %d actors, %d intents", len(set.Environments), len(set.Owners), len(set.Actors), len(set.Intents))
	}
	if strings.Contains(all, "not-to-be-read") {
		t.Error("a secret was written")
	}
	if !strings.Contains(all, "ssh-ed25519 AAAA") || !strings.Contains(all, "shop-checkout") {
		t.Errorf("the key or the teams are missing:\n%s", all)
	}
}

func TestAnEmptyMachineHasNothing(t *testing.T) {
	f := Look(machine(t, nil, nil))
	if len(f.Accounts)+len(f.Clusters)+len(f.Teams)+len(f.Notes) != 0 || f.Person != "human:dana" || f.Key != "" {
		t.Errorf("%+v", f)
	}
}

func TestNamesAreNames(t *testing.T) {
	for in, want := range map[string]string{"k8s-arn:aws:eks:eu-west-1:1:cluster/shop": "k8s-arn-aws-eks-eu-west-1-1-cluster-shop", "@Shop/Pay": "shop-pay", "…": "nobody",
		strings.Repeat("a", 100) + "-z": strings.Repeat("a", 58) + "-z"} {
		if got := nameOf(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
