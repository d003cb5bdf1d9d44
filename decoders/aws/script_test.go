package aws

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// What a machine will run is a part of the call that hands it over, told by its
// hash; the text itself is not kept.
func TestATextThatRunsIsAPart(t *testing.T) {
	d := decoder(t)
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	encoded := url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("hello")))
	for _, test := range []struct {
		name string
		call decoders.Call
		want string // of the hash
	}{
		{"user data", ec2Call(t, "Action=RunInstances&ImageId=ami-0123456789abcdef0&UserData="+encoded), hello},
		{"a template's", stack(t, "CreateStack", "TemplateBody", "Resources:\n  A: {Type: AWS::EC2::Instance, Properties: {UserData: !Base64 hello}}"), hello},
		{"a template's, with what is not there yet", stack(t, "CreateStack", "TemplateBody", "Resources:\n  Q: {Type: AWS::SQS::Queue}\n  A: {Type: AWS::EC2::Instance, Properties: {UserData: !Base64 {\"Fn::Sub\": \"x ${Q}\"}}}"), ""},
		{"a launch template's", ec2Call(t, "Action=CreateLaunchTemplate&LaunchTemplateName=x&LaunchTemplateData.UserData="+encoded), hello},
		{"a build's", jsonCall(t, "codebuild.us-east-1.amazonaws.com", "codebuild", "CodeBuild_20161006.StartBuild", `{"projectName":"p","buildspecOverride":"hello"}`), hello},
		{"a remote command", jsonCall(t, "ecs.us-east-1.amazonaws.com", "ecs", "AmazonEC2ContainerServiceV20141113.ExecuteCommand", `{"cluster":"c","task":"t","interactive":true,"command":"hello"}`), hello},
		{"a document's parameters", jsonCall(t, "ssm.us-east-1.amazonaws.com", "ssm", "AmazonSSM.SendCommand", `{"DocumentName":"AWS-RunShellScript","InstanceIds":["i-0123456789abcdef0"],"Parameters":{"commands":["hunter2"]}}`), "sha256:"},
		{"none", ec2Call(t, "Action=RunInstances&ImageId=ami-0123456789abcdef0"), "-"},
	} {
		a := decode(t, d, test.call)
		var runs []model.Action
		var find func(model.Action)
		find = func(a model.Action) {
			for _, p := range a.Parts {
				if p.Verb == model.Execute {
					runs = append(runs, p)
				}
				find(p)
			}
		}
		find(a)
		switch {
		case test.want == "-":
			if len(runs) != 0 {
				t.Errorf("%s: %s", test.name, nestedLines(a, ""))
			}
		case len(runs) != 1 || !strings.Contains(string(runs[0].Params), test.want) || (test.want == "") != (runs[0].Fidelity == model.Partial):
			t.Errorf("%s: %d parts, %+v", test.name, len(runs), runs)
		case strings.Contains(string(runs[0].Params), "hello") || len(runs[0].Targets) == 0 && test.name == "user data":
			t.Errorf("%s: %s", test.name, runs[0].Params)
		}
	}
	a := decode(t, d, call(t, "POST", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions", "lambda", `{"FunctionName":"f","Role":"x","Code":{"ZipFile":"aGVsbG8="}}`, "Content-Type", "application/json"))
	if got := props(a); !strings.Contains(got, `image.ref=["sha256:`+hello+`"]`) {
		t.Errorf("a function's code: %s", got)
	}
}

func TestScriptsNameWhatExists(t *testing.T) {
	d := decoder(t)
	u := unfolding{d: d, found: map[string]*table.Operation{}}
	for _, row := range d.nested.scripts {
		for _, in := range row.In {
			if strings.HasPrefix(in, "AWS::") {
				if u.operation(in, model.Create) == nil {
					t.Errorf("%s is not understood", in)
				}
				continue
			}
			op, ok := u.call(in)
			if !ok {
				t.Errorf("no call %s", in)
			} else if _, err := lookup(op.Input, row.At); err != nil {
				t.Errorf("%s#%s: %v", in, row.At, err)
			}
		}
	}
}
