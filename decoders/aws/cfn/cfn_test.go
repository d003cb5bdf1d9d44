package cfn

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const sample = `AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Env: {Type: String, Default: test}
  Zones: {Type: CommaDelimitedList}
  Secret: {Type: String, NoEcho: true}
  Image: {Type: "AWS::SSM::Parameter::Value<String>", Default: /a}
Mappings:
  Sizes: {test: {size: small}}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub "acme-${Env}-${AWS::AccountId}"
      Zones: !Ref Zones
      Size: !FindInMap [Sizes, !Ref Env, size]
      Gone: !Ref AWS::NoValue
      On: yes
      Id: 012345678901
      Text: "yes"
      Count: 3
      Joined: !Join ["-", [a, !Ref Env]]
  Database:
    Type: AWS::RDS::DBInstance
    Condition: Big
    Properties:
      MasterUserPassword: !Ref Secret
      Name: !GetAtt Bucket.Arn
      Link: !Sub "x-${Bucket}-${!Literal}"
      Image: !Ref Image
      Choice: !If [Big, 1, 2]
      Dynamic: "{{resolve:secretsmanager:x}}"
`

func values() Values {
	return Values{Parameters: map[string]string{"Zones": "a, b", "Secret": "hunter2"}, Redacted: "(redacted)",
		Pseudo: map[string]string{"AWS::AccountId": "123456789012"}}
}

func TestWhatIsKnownIsFilledIn(t *testing.T) {
	got, err := Parse([]byte(sample), values())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got.Resources)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"BucketName":"acme-test-123456789012"`, `"Zones":["a","b"]`, `"Size":"small"`, `"On":true`, `"Id":"012345678901"`, `"Text":"yes"`,
		`"Count":3`, `"Joined":"a-test"`, `"MasterUserPassword":"(redacted)"`, `"Fn::GetAtt":["Bucket","Arn"]`, `"Fn::Sub":"x-${Bucket}-${Literal}"`, `"Line":10`, `"Condition":"Big"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	if strings.Contains(string(text), "Gone") || strings.Contains(string(text), "hunter2") {
		t.Errorf("%s", text)
	}
	if want := []string{"Fn::If", "Ref Image", "dynamic reference"}; !slices.Equal(got.Resources[1].Unresolved, want) || got.Resources[0].Unresolved != nil {
		t.Errorf("%v and %v are left open, want %v", got.Resources[0].Unresolved, got.Resources[1].Unresolved, want)
	}
}

func TestJSONIsReadAlike(t *testing.T) {
	got, err := Parse([]byte(`{"Parameters":{"N":{"Type":"String"}},"Resources":{"B":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":{"Fn::Sub":["${A}-${N}",{"A":"x"}]}}}}}`),
		Values{Parameters: map[string]string{"N": "y"}})
	if err != nil || got.Resources[0].Properties["BucketName"] != "x-y" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestBadTemplates(t *testing.T) {
	for name, body := range map[string]string{
		"no resources": "Resources: {}", "not an object": "[]", "empty": "", "twice": "Resources:\n  A: {Type: x}\n  A: {Type: y}",
		"alias": "Resources:\n  A: &a {Type: x}\n  B: *a", "merge": "Resources:\n  A: {Type: x, <<: {Type: y}}", "unknown tag": "Resources:\n  A: {Type: !Run x}",
		"two documents": "Resources:\n  A: {Type: x}\n---\nResources:\n  A: {Type: y}", "no type": "Resources:\n  A: {}", "JSON twice": `{"Resources":{"A":{"Type":"x","Type":"y"}}}`,
		"too long": strings.Repeat(" ", MaxBody+1), "deep": "Resources:\n  A: {Type: x, Properties: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}",
		"too many": "Resources: {" + func() string {
			var b strings.Builder
			for i := range MaxResources + 1 {
				b.WriteString("A" + strings.Repeat("b", i) + ": {Type: x}, ")
			}
			return b.String()
		}() + "}",
	} {
		if _, err := Parse([]byte(body), Values{}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	macro, err := Parse([]byte("Transform: AWS::Serverless-2016-10-31\nResources:\n  A: {Type: x}\n  Fn::ForEach::L: [a, [b], {}]"), Values{})
	if err != nil || !slices.Equal(macro.Unknown, []string{"Transform", "Fn::ForEach::L"}) {
		t.Errorf("%v %v", macro.Unknown, err)
	}
}

// A parameter that fills in itself many times is bounded.
func TestFillingInIsBounded(t *testing.T) {
	body := "Parameters: {P: {Type: String}}\nResources:\n  A: {Type: x, Properties: {V: [" + strings.Repeat("!Ref P, ", 2000) + "]}}"
	if _, err := Parse([]byte(body), Values{Parameters: map[string]string{"P": strings.Repeat("x", 4096)}}); err == nil {
		t.Error("8 MB were filled in")
	}
}

// No template panics, and none shows the value of a NoEcho parameter by a name.
func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add(`{"Resources":{"B":{"Type":"AWS::S3::Bucket","Properties":{"X":{"Fn::Join":["",[{"Ref":"B"}]]}}}}}`)
	f.Fuzz(func(t *testing.T, body string) {
		got, err := Parse([]byte(body), values())
		if err == nil && len(got.Resources)+len(got.Unknown) == 0 {
			t.Error("nothing, and no error")
		}
	})
}
