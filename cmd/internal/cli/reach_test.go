package cli

import "testing"

func TestAnOpenPortNeedsTokens(t *testing.T) {
	for listen, open := range map[string]bool{
		"127.0.0.1:8080": false, "[::1]:8080": false, "localhost:8080": false, "[::ffff:127.0.0.1]:1": false,
		":8080": true, "0.0.0.0:8080": true, "[::]:8080": true, "10.0.0.1:8080": true, "assent.corp.example:8080": true,
	} {
		if err := reachable(listen, 0); (err != nil) != open {
			t.Errorf("%s without tokens: %v", listen, err)
		}
		if err := reachable(listen, 1); err != nil {
			t.Errorf("%s with tokens: %v", listen, err)
		}
	}
}
