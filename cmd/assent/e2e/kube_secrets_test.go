package e2e

import (
	"database/sql"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the ledger and the model are read cell by cell

	"github.com/assent-iom/assent/cmd/internal/k8sboxtest"
)

// Secrets are never stored, nor said: whatever way a value takes through assent,
// it is in no file of the state directory and not on stderr, plain or in base64.
func kubeSecrets(t *testing.T, c *k8sboxtest.Cluster) {
	k := newKube(t, c, "alice", "secretive")
	key, public := k.disclosureKey()
	k.write("assent.yaml", "withhold: "+public+"\n")
	k.direct("-n", "secretive", "create", "deployment", "web", "--image=registry.example/web", "--replicas=0")
	k.direct("-n", "secretive", "run", "one", "--image=registry.example/one")
	k.direct("-n", "secretive", "patch", "pod", "one", "--subresource=status", "--type=merge", "-p", `{"status":{"phase":"Running"}}`)
	// Each value begins with hush and a number, so that one that is found says where
	// it came from.
	b64 := base64.StdEncoding.EncodeToString
	k.write("one.yaml", `
apiVersion: v1
kind: Secret
metadata: {name: one}
stringData: {password: hush01-Tr0ub4dor}
data: {key: `+b64([]byte("hush02-Tr0ub4dor"))+`}
`)
	k.write("two.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: one}\nstringData: {password: hush03-Tr0ub4dor}\n")
	k.write("three.json", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Secret","metadata":{"name":"three"},"stringData":{"k":"hush04-Tr0ub4dor"}}]}`)
	k.write("patch.json", `[{"op":"add","path":"/data/k3","value":"`+b64([]byte("hush05-Tr0ub4dor"))+`"}]`)
	k.write("key.pem", "-----BEGIN PRIVATE KEY-----\nhush06Tr0ub4dor\n-----END PRIVATE KEY-----\n")
	k.write("all.sh", `set -e
kubectl apply -f one.yaml
kubectl apply -f two.yaml
kubectl apply --server-side --force-conflicts -f one.yaml
kubectl replace -f two.yaml
kubectl create -f three.json
kubectl create secret generic four --from-literal=k=hush07-Tr0ub4dor --from-file=key.pem
kubectl create secret docker-registry five --docker-server=registry.example --docker-username=u --docker-password=hush08-Tr0ub4dor
kubectl patch secret four --type=merge -p '{"stringData":{"k2":"hush09-Tr0ub4dor"}}'
kubectl patch secret four --type=json --patch-file patch.json
kubectl patch secret four -p '{"stringData":{"k4":"hush10-Tr0ub4dor"}}'
kubectl annotate secret four team=checkout
kubectl get secrets -o yaml
kubectl get secret four -o json
kubectl describe secret four
kubectl create configmap plain --from-literal=db_password=hush11-Tr0ub4dor --from-literal=colour=blue
kubectl get configmap plain -o yaml
kubectl set env deployment/web API_TOKEN=hush12-Tr0ub4dor
kubectl get deployment web -o yaml
kubectl exec one -- login --password hush13-Tr0ub4dor --api-key=hush14-Tr0ub4dor -H "Authorization: Bearer hush15Tr0ub4dorhush" || true
kubectl exec one -- sh -c 'TOKEN=hush16-Tr0ub4dor login' || true
kubectl run two --image=registry.example/two --command -- login --token hush17-Tr0ub4dor
kubectl create token default > token
kubectl get secret four -o yaml --token "$(cat token)" || true
kubectl create clusterrole ghp_Tr0ub4dor0123456789hush18 --verb=get --resource=pods 2>/dev/null || true
kubectl get clusterrole ghp_Tr0ub4dor0123456789hush18 -o yaml 2>/dev/null || true
kubectl label configmap plain token=ghp_Tr0ub4dor0123456789hush19 ghp_Tr0ub4dor0123456789hush20=x
kubectl annotate configmap plain note/ghp_Tr0ub4dor0123456789hush21=x "url=postgres://bob:hush22-Tr0ub4dor@db/x"
kubectl get configmaps -l token=ghp_Tr0ub4dor0123456789hush19 -o yaml
kubectl delete configmaps -l token=ghp_Tr0ub4dor0123456789hush19
kubectl get --raw "/api/v1/namespaces/secretive/pods?password=hush23-Tr0ub4dor&fieldManager=glpat-Tr0ub4dor0123hush24" 2>/dev/null || true
kubectl delete clusterrole ghp_Tr0ub4dor0123456789hush18 2>/dev/null || true
kubectl delete secret one three four five
`)
	r := k.assent("run", "--", "sh", "all.sh")
	if r.code != 0 {
		t.Fatalf("something was in the way: %v", r)
	}
	contains(t, "kubectl's own output", r.out, b64([]byte("hush07-Tr0ub4dor")), "hush11-Tr0ub4dor")

	token, err := os.ReadFile(filepath.Join(k.dir, "token"))
	if err != nil || len(token) < 100 {
		t.Fatalf("no token was made: %q, %v", token, err)
	}
	signature := strings.TrimSpace(string(token[strings.LastIndexByte(string(token), '.')+1:]))
	found := finder{words: append([]string{"Tr0ub4dor", signature, c.Token["alice"]}, spelled("Tr0ub4dor")...)}
	found.look("stderr", []byte(r.errOut))
	state := filepath.Join(k.home, "state")
	err = filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		found.look(path, data)
		if filepath.Ext(path) == ".db" {
			return found.cells(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found.look("ledger tail", []byte(k.must(binary, "ledger", "tail", "--all", "--json").out))
	found.look("what", []byte(k.must(binary, "what", "--json").out))
	found.look("suggest", []byte(k.must(binary, "intent", "suggest").out))
	for _, where := range found.where {
		t.Errorf("a secret is in %s", where)
	}
	if found.looked < 200 || found.unpacked < 50 {
		t.Errorf("only %d texts and %d in base64 were looked at", found.looked, found.unpacked)
	}
	k.provesThenRedacts(key, "hush01-Tr0ub4dor", b64([]byte("hush02-Tr0ub4dor")), "hush03-Tr0ub4dor", "hush04-Tr0ub4dor", b64([]byte("hush05-Tr0ub4dor")), "hush07-Tr0ub4dor",
		"hush09-Tr0ub4dor", "hush10-Tr0ub4dor", "hush11-Tr0ub4dor", "hush12-Tr0ub4dor", "hush13-Tr0ub4dor", "hush16-Tr0ub4dor", "hush17-Tr0ub4dor")
	// The finder does find: what is no secret is there.
	sane := finder{words: []string{"checkout"}}
	if err := sane.cells(filepath.Join(state, "assent", "ledger", "ledger.db")); err != nil || len(sane.where) == 0 {
		t.Errorf("the search finds nothing at all (%v), so the test proves nothing", err)
	}
}

// spelled returns the three ways in which base64 spells a word, by where it begins.
func spelled(word string) (all []string) {
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + word))
		all = append(all, text[(shift*8+5)/6:(shift+len(word))*8/6])
	}
	return all
}

// finder looks for words, also inside of base64.
type finder struct {
	words            []string
	where            []string
	looked, unpacked int
}

var packed = regexp.MustCompile(`[A-Za-z0-9+/_-]{24,}`)

func (f *finder) look(place string, data []byte) {
	f.looked++
	text := string(data)
	for _, word := range f.words {
		if i := strings.Index(text, word); i >= 0 {
			f.where = append(f.where, fmt.Sprintf("%s: …%q…", place, text[max(0, i-60):min(len(text), i+60)]))
			return
		}
	}
	if strings.Count(place, "/base64") > 3 {
		return
	}
	for _, run := range packed.FindAllString(text, -1) {
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if inside, err := alphabet.DecodeString(run[:len(run)/4*4]); err == nil {
				f.unpacked++
				f.look(place+"/base64", inside)
				break
			}
		}
	}
}

// cells looks into every cell of a SQLite database, which the pages of its file
// may hold in pieces.
func (f *finder) cells(path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	tables, err := texts(db, "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, table := range tables {
		columns, err := texts(db, "SELECT name FROM pragma_table_info('"+table+"')")
		if err != nil {
			return err
		}
		for _, column := range columns {
			cells, err := texts(db, `SELECT CAST("`+column+`" AS BLOB) FROM "`+table+`"`)
			if err != nil {
				return err
			}
			for _, cell := range cells {
				f.look(filepath.Base(path)+" "+table+"."+column, []byte(cell))
			}
		}
	}
	return nil
}

func texts(db *sql.DB, query string) (all []string, err error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text sql.RawBytes
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, string(text))
	}
	return all, rows.Err()
}
