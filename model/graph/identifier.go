package graph

import (
	"net/url"
	"strings"
)

const (
	// maxIdentifier is longer than any ARN, ARM id or URL that names a resource.
	maxIdentifier = 2048
	// maxParts bounds how many comma-separated identifiers one string may hold;
	// lists of subnets and groups are far shorter.
	maxParts = 256
)

// canon returns the one spelling under which an identifier is indexed: names that
// DNS and UUIDs compare without case are lower case and without trailing dot.
func canon(s string) string {
	s = strings.TrimSpace(s)
	if isUUID(s) {
		return strings.ToLower(s)
	}
	if d := strings.TrimSuffix(s, "."); isDNS(d) {
		return strings.ToLower(d)
	}
	return s
}

// distinctive reports whether a string names one thing wherever it stands.
func distinctive(s string) bool {
	return len(s) <= maxIdentifier && (isARN(s) || isPrefixedID(s) || isUUID(s) || isURL(s) || isDNS(s) || isPath(s))
}

// mentions calls f for every distinctive identifier that a string holds, in its
// indexed spelling.
func mentions(s string, f func(key string)) {
	if len(s) < 5 || len(s) > maxParts*64 { // a.b.cd is the shortest
		return
	}
	// Every kind of identifier has one of these; most strings have none.
	if strings.IndexByte(s, '-') < 0 && strings.IndexByte(s, '.') < 0 && strings.IndexByte(s, ':') < 0 && strings.IndexByte(s, '/') < 0 {
		return
	}
	for n := 0; n < maxParts; n++ {
		part, rest, more := strings.Cut(s, ",")
		mention(strings.TrimSpace(part), f)
		if !more {
			return
		}
		s = rest
	}
}

func mention(s string, f func(key string)) {
	if i := strings.LastIndex(s, "/arn:"); i >= 0 { // an integration URI around a function's ARN
		mention(strings.TrimSuffix(s[i+1:], "/invocations"), f)
	}
	if isARN(s) {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "/*"), ":*")
		if isARN(s) {
			f(s)
		}
		return
	}
	key := canon(s)
	if !distinctive(key) {
		if host, port, ok := strings.Cut(key, ":"); ok && port != "" && strings.Trim(port, "0123456789") == "" {
			if host = canon(host); isDNS(host) {
				f(host)
			}
		}
		return
	}
	f(key)
	if !isURL(key) {
		return
	}
	if u, err := url.Parse(key); err == nil {
		host := canon(u.Hostname())
		if isDNS(host) && host != key {
			f(host)
		}
		if queue, ok := queueARN(host, u.Path); ok {
			f(queue)
		}
	}
}

// queueARN is the ARN of the queue at a URL: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.
func queueARN(host, path string) (string, bool) {
	f := strings.Split(host, ".")
	p := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(f) < 4 || f[0] != "sqs" || f[2] != "amazonaws" || len(p) != 2 || len(p[0]) != 12 || p[1] == "" || strings.Trim(p[0], "0123456789") != "" {
		return "", false
	}
	partition := "aws"
	if strings.HasPrefix(f[1], "cn-") {
		partition = "aws-cn"
	} else if strings.HasPrefix(f[1], "us-gov-") {
		partition = "aws-us-gov"
	}
	return "arn:" + partition + ":sqs:" + f[1] + ":" + p[0] + ":" + p[1], true
}

// arn is an ARN in its parts. Account and region are "" or "*" where not known.
type arn struct{ service, region, account, resource string }

func parseARN(s string) (arn, bool) {
	if !strings.HasPrefix(s, "arn:") {
		return arn{}, false
	}
	_, rest, _ := strings.Cut(s[len("arn:"):], ":")
	service, rest, _ := strings.Cut(rest, ":")
	region, rest, _ := strings.Cut(rest, ":")
	account, resource, _ := strings.Cut(rest, ":")
	if service == "" || resource == "" {
		return arn{}, false
	}
	return arn{service, region, account, resource}, true
}

func isARN(s string) bool {
	a, ok := parseARN(s)
	return ok && a.resource != "*"
}

// loose is the key that ARNs share which differ in account or region alone. The
// leading space keeps it apart from every identifier.
func (a arn) loose() string { return loosePrefix + a.service + ":" + a.resource }

const loosePrefix = " arn "

// tail is the id at the end of the resource part, if it is distinctive alone.
func (a arn) tail() string {
	t := a.resource[strings.LastIndexAny(a.resource, "/:")+1:]
	if isPrefixedID(t) || isUUID(t) {
		return strings.ToLower(t)
	}
	return ""
}

// wild reports that a part is not known.
func (a arn) wild() bool { return a.account == "*" || a.region == "*" }

// fits reports whether two ARNs with one loose key may be spellings of one name.
func (a arn) fits(b arn) bool {
	return partFits(a.account, b.account) && partFits(a.region, b.region)
}

func partFits(a, b string) bool { return a == b || a == "*" || b == "*" || a == "" || b == "" }

// isPrefixedID: i-0abc1234, sg-…, vpce-svc-…: words, then eight or more hex digits.
func isPrefixedID(s string) bool {
	i := strings.LastIndexByte(s, '-')
	if i < 1 || len(s)-i-1 < 8 || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s[i+1:]) {
		if !isHex(c) {
			return false
		}
	}
	if s[0] < 'a' || s[0] > 'z' || s[i-1] == '-' {
		return false
	}
	for _, c := range []byte(s[:i]) {
		if (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !isHex(c|0x20) || c < '0' {
			return false
		}
	}
	return true
}

func isURL(s string) bool {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme == "" || len(scheme) > 16 || len(rest) < 3 {
		return false
	}
	for _, c := range []byte(scheme) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '+' {
			return false
		}
	}
	return !strings.ContainsAny(rest, " \t\r\n")
}

// isPath: an ARM id or a GCP full resource name.
func isPath(s string) bool {
	return strings.HasPrefix(s, "/subscriptions/") && len(s) > 20 ||
		strings.HasPrefix(s, "//") && strings.Contains(s, ".googleapis.com/")
}

// isDNS: three or more labels, the last of them letters (an address or a version
// is no name).
func isDNS(s string) bool {
	if len(s) < 5 || len(s) > 253 {
		return false
	}
	labels, run := 1, 0
	digit := false
	for _, c := range []byte(s) {
		switch {
		case c == '.':
			if run == 0 {
				return false
			}
			labels, run, digit = labels+1, 0, false
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_', c == '*':
			run++
		case c >= '0' && c <= '9':
			run, digit = run+1, true
		default:
			return false
		}
	}
	return labels >= 3 && run >= 2 && !digit
}
