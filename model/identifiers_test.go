package model

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// identifiers are names as AWS and Kubernetes make and take them.
func identifiers() (all []string) {
	data, err := os.ReadFile("testdata/identifiers.txt")
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	for i := range 40 { // what is random in them, in every spelling
		sum := sha256.Sum256(fmt.Append(nil, i))
		h := hex.EncodeToString(sum[:])
		uuid := h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
		b := base64.RawURLEncoding.EncodeToString(sum[:])
		all = append(all, "i-"+h[:17], "vpc-"+h[:8], "arn:aws:kms:eu-west-1:111122223333:key/"+uuid, "registry.example/shop/web@sha256:"+h,
			"arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/web/"+h[:16], "arn:aws:s3:::acme-data/objects/"+h[:2]+"/"+h,
			"arn:aws:s3:::acme-data/blobs/"+b, "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-password-"+b[:6], "k8s://prod/core/Pod/shop/web-"+h[:10]+"-"+h[10:15],
			"arn:aws:sns:eu-west-1:111122223333:reset-password:"+uuid, "arn:aws:states:eu-west-1:111122223333:execution:rotate-password:"+uuid,
			"arn:aws:acm:eu-west-1:111122223333:certificate/"+uuid, "https://sqs.eu-west-1.amazonaws.com/111122223333/orders-"+h[:12],
			"arn:aws:cloudformation:eu-west-1:111122223333:stack/web/"+uuid, "AROA"+strings.ToUpper(h[:17])+":session-"+h[:8], "Z"+strings.ToUpper(h[:13]),
			base64.StdEncoding.EncodeToString(sum[:]), "r-"+b[:12], "projects/shop/"+b+"/"+h)
	}
	return all
}

func TestAnIdentifierThatHoldsNoSecretStaysReadable(t *testing.T) {
	all := identifiers()
	if len(all) < 800 {
		t.Fatalf("only %d identifiers", len(all))
	}
	v := NewVeil([]byte("salt"))
	for _, text := range all {
		if got := v.Text(text); got != text {
			t.Errorf("%s became %s", text, got)
		}
		if data := plainJSON(text); string(Scrub(data)) != string(data) {
			t.Errorf("%s was recorded as %s", data, Scrub(data))
		}
	}
	// And beside the key that a call is signed with.
	for _, text := range all {
		data, _ := json.Marshal(map[string]any{"key": "AKIA2E0A8F3B244C9986", "name": text})
		if got := Scrub(data); string(got) != string(data) && string(data) != string(plainJSON(text)) {
			t.Errorf("%s was recorded as %s", data, got)
		}
	}
}

// typical are resources as collectors read them.
func typical(n int) (all []Observation) {
	names := identifiers()
	for i := range n {
		name := names[i%len(names)]
		attrs, _ := json.Marshal(map[string]any{"VpcId": "vpc-0123456789abcdef0", "SubnetId": "subnet-0a1b2c3d4e5f60718", "Arn": name, "State": map[string]any{"Name": "running", "Code": 16},
			"SecurityGroups": []map[string]string{{"GroupId": "sg-0123456789abcdef0", "GroupName": "web-eu-west-1"}}, "ImageId": "ami-0123456789abcdef0", "LaunchTime": "2026-05-04T10:11:12.000Z",
			"PrivateDnsName": "ip-10-0-1-17.eu-west-1.compute.internal", "Architecture": "x86_64", "RootDeviceName": "/dev/xvda", "MetadataOptions": map[string]string{"HttpTokens": "required", "State": "applied"}})
		all = append(all, Observation{Whole: true, Resource: Resource{URN: URN("arn:aws:ec2:eu-west-1:111122223333:instance/i-" + fmt.Sprintf("%017x", i)), Type: "ec2:instance", Name: "web-7",
			Account: "111122223333", Region: "eu-west-1", Tags: map[string]string{"team": "shop", "env": "prod", "Name": "web-7"}, Attrs: attrs}})
	}
	return all
}

func BenchmarkVeilObservations(b *testing.B) {
	v, all := NewVeil([]byte("salt")), typical(1000)
	bytes := 0
	for _, o := range all {
		bytes += len(o.Resource.Attrs)
	}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		v.Observations(all)
	}
}
