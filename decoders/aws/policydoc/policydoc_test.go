package policydoc

import (
	"encoding/json"
	"testing"
)

func parse(t testing.TB, text string) (Document, error) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return New(v)
}

func allow(rest string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + rest + `}]}`
}

func TestWhoIsLetIn(t *testing.T) {
	for text, want := range map[string]Truth{
		allow(`"Principal":"*","Action":"s3:GetObject","Resource":"*"`):                                                  Yes,
		allow(`"Principal":{"AWS":["arn:aws:iam::1:root","*"]},"Action":"s3:GetObject","Resource":"*"`):                  Yes,
		allow(`"Principal":{"AWS":"arn:aws:iam::*:root"},"Action":"s3:GetObject","Resource":"*"`):                        Yes,
		allow(`"NotPrincipal":{"AWS":"arn:aws:iam::1:root"},"Action":"s3:GetObject","Resource":"*"`):                     Yes,
		allow(`"Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":"*"}}`): Unknown,
		allow(`"Principal":{"AWS":{"Ref":"X"}},"Action":"s3:GetObject","Resource":"*"`):                                  Unknown,
		allow(`"Principal":{"AWS":"111111111111"},"Action":"*","Resource":"*"`):                                          No,
		allow(`"Principal":{"Service":"sns.amazonaws.com"},"Action":"*","Resource":"*"`):                                 No,
		`{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`:                                    No,
		allow(`"Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{}`):                                   Yes,
	} {
		d, err := parse(t, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := d.Anonymous(); got != want {
			t.Errorf("%s lets anybody in: %d, want %d", text, got, want)
		}
	}
	d, _ := parse(t, allow(`"Principal":"*","Action":["s3:PutObject"],"Resource":"*"`))
	if d.AnonymousMay("s3:GetObject") != No || d.AnonymousMay("s3:PutObject") != Yes {
		t.Error("what anybody may do is not told")
	}
	d, _ = parse(t, allow(`"Principal":{"AWS":["222222222222","arn:aws:iam::111111111111:role/x"],"Service":"ec2.amazonaws.com"},"Action":"*","Resource":"*"`))
	all, whole := d.Principals()
	if len(all) != 3 || !whole || all[0].Account() != "222222222222" || all[1].Account() != "111111111111" {
		t.Errorf("%v %v", all, whole)
	}
}

func TestPrivilege(t *testing.T) {
	for rest, want := range map[string]string{
		`"Action":"*","Resource":"*"`: Admin, `"Action":"*:*","Resource":"*"`: Admin, `"Action":["s3:Get*","*"],"Resource":["*"]`: Admin,
		`"NotAction":"s3:*","Resource":"*"`: Admin, `"NotAction":"iam:*","Resource":"*"`: Escalate,
		`"Action":"*","Resource":"arn:aws:s3:::b/*"`: Escalate, `"Action":"iam:*","Resource":"*"`: Escalate, `"Action":"IAM:passrole","Resource":"*"`: Escalate,
		`"Action":"iam:P?ssRole","Resource":"*"`: Escalate,
		`"Action":"s3:*","Resource":"*"`:         Write, `"Action":["s3:GetObject","s3:PutObject"],"Resource":"*"`: Write,
		`"Action":["s3:GetObject","ec2:Describe*"],"Resource":"*"`: Read, `"Action":"*","Resource":"*:*","NotResource":"x"`: "",
	} {
		d, err := parse(t, allow(rest))
		if want == "" {
			if err == nil {
				t.Errorf("%s is accepted", rest)
			}
			continue
		}
		if got, known := d.Privilege(); err != nil || got != want || !known {
			t.Errorf("%s is %s (%v, %v), want %s", rest, got, known, err, want)
		}
	}
	d, _ := parse(t, `{"Statement":[]}`)
	if got, _ := d.Privilege(); got != None {
		t.Errorf("nothing allows %s", got)
	}
	d, _ = parse(t, allow(`"Action":{"Ref":"X"},"Resource":"*"`))
	if _, known := d.Privilege(); known {
		t.Error("a template's parameter is taken for known")
	}
}

func TestBadDocuments(t *testing.T) {
	for _, text := range []string{`[]`, `{}`, `{"Statement":1}`, `{"Statement":[1]}`, `{"Statement":[{"Effect":"allow"}]}`, `{"Statement":[{}]}`,
		`{"Statement":[],"Extra":1}`, allow(`"Aktion":"*"`), allow(`"Action":1`), allow(`"Principal":"x"`), allow(`"Principal":["*"]`)} {
		if _, err := parse(t, text); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

// Taking a condition away never makes a policy less open.
func FuzzNew(f *testing.F) {
	f.Add(allow(`"Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":{"a":{"b":"c"}}`))
	f.Add(allow(`"NotPrincipal":{"AWS":"x"},"NotAction":["*"],"NotResource":"y"`))
	f.Fuzz(func(t *testing.T, text string) {
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			return
		}
		d, err := New(v)
		if err != nil {
			return
		}
		was := d.Anonymous()
		d.Privilege()
		d.Principals()
		for i := range d.statements {
			d.statements[i].guarded = false
		}
		if was == Yes && d.Anonymous() != Yes {
			t.Error("fewer conditions, and less public")
		}
	})
}
