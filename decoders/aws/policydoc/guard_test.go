package policydoc

import (
	"fmt"
	"testing"
)

func TestConditionsThatCloseADoor(t *testing.T) {
	for condition, want := range map[string]Truth{
		`{"StringEquals":{"aws:SourceAccount":"111111111111"}}`:                                       No,
		`{"StringEquals":{"AWS:sourceaccount":["111111111111","222222222222"]}}`:                      No,
		`{"StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}}`:                                      No,
		`{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-1234567890/r-ab12/*"}}`:                No,
		`{"ArnLike":{"aws:SourceArn":"arn:aws:sns:us-east-1:111111111111:t"}}`:                        No,
		`{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::bucket"}}`:                                         No,
		`{"StringEquals":{"aws:SourceVpce":"vpce-1"}}`:                                                No,
		`{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::*"}}`:                                              Unknown,
		`{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:t"}}`:                                           Unknown,
		`{"StringEqualsIfExists":{"aws:SourceAccount":"111111111111"}}`:                               Unknown,
		`{"ForAllValues:StringEquals":{"aws:PrincipalOrgID":"o-1234567890"}}`:                         Unknown,
		`{"StringLike":{"aws:SourceAccount":"*"}}`:                                                    Unknown,
		`{"StringLike":{"aws:PrincipalOrgID":"o-*"}}`:                                                 Unknown,
		`{"StringNotEquals":{"aws:SourceAccount":"111111111111"}}`:                                    Unknown,
		`{"StringEquals":{"aws:SourceAccount":["111111111111","*"]}}`:                                 Unknown,
		`{"StringEquals":{"aws:SourceAccount":{"Ref":"X"}}}`:                                          Unknown,
		`{"Bool":{"aws:SecureTransport":"true"}}`:                                                     Unknown,
		`{"Bool":{"aws:SecureTransport":"true"},"StringEquals":{"aws:SourceAccount":"111111111111"}}`: No,
	} {
		d, err := parse(t, allow(`"Principal":"*","Action":"s3:GetObject","Resource":"*","Condition":`+condition))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Anonymous(); got != want {
			t.Errorf("%s lets anybody in: %d, want %d", condition, got, want)
		}
	}
	d, _ := parse(t, allow(`"Principal":"*","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"111111111111"}}`))
	if all, _ := d.Principals(); fmt.Sprint(all) != "[{AWS 111111111111}]" {
		t.Errorf("%v", all)
	}
	d, _ = parse(t, allow(`"NotPrincipal":{"AWS":"111111111111"},"Action":"*","Resource":"*"`))
	if d.Anonymous() != Yes {
		t.Error("everybody but one is not anybody")
	}
}

func TestWhoeverHasAnAccountThere(t *testing.T) {
	const github = `"Principal":{"Federated":"arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity"`
	for condition, want := range map[string]Truth{
		``: Yes,
		`,"Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}`:        Unknown,
		`,"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme/web:*"}}`:            No,
		`,"Condition":{"StringEquals":{"token.actions.githubusercontent.com:sub":"repo:acme/web:ref:x"}}`:      No,
		`,"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"*"}}`:                          Yes,
		`,"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:*"}}`:                     Yes,
		`,"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:acme*"}}`:                 Yes,
		`,"Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":["repo:acme/web:*","repo:*"]}}`: Yes,
	} {
		d, err := parse(t, allow(github+condition))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.OpenFederation(); got != want {
			t.Errorf("%s: %d, want %d", condition, got, want)
		}
	}
	d, _ := parse(t, allow(`"Principal":{"Federated":"arn:aws:iam::1:oidc-provider/idp.acme.example"},"Action":"sts:AssumeRoleWithWebIdentity"`))
	if d.OpenFederation() != No {
		t.Error("a company's own provider is not everybody's")
	}
	d, _ = parse(t, allow(`"Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"us-east-1:x"}}`))
	if d.OpenFederation() != No {
		t.Error("a pool of one's own is not everybody's")
	}
}
