package engine

import "testing"

func TestEachClusterHasAPathOfItsOwnAtTheGateway(t *testing.T) {
	seen := map[string]string{}
	for _, tc := range []struct{ name, want string }{
		{"kind-kind", "/k8s/kind-kind"},
		{"prod.eu_1", "/k8s/prod.eu_1"},
		{"arn:aws:eks:eu-west-1:123456789012:cluster/shop", ""},
		{"arn-aws-eks-eu-west-1-123456789012-cluster-shop", "/k8s/arn-aws-eks-eu-west-1-123456789012-cluster-shop"},
		{"arn:aws:eks:eu-west-1:123456789012:cluster:shop", ""},
		{"..", ""}, {".", ""}, {"a/b", ""}, {"a%2fb", ""}, {"größe", ""},
	} {
		got := GatewayPath(tc.name)
		if tc.want != "" && got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
		if other, twice := seen[got]; twice {
			t.Errorf("%s and %s are both at %s", other, tc.name, got)
		}
		seen[got] = tc.name
	}
}
