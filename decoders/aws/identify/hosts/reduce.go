// Package hosts reduces the host name of an AWS endpoint to the label that names
// the service, the same way for the generator, which reads endpoint rule sets,
// and for identification, which reads calls.
package hosts

import "strings"

// Reduce takes a host name without its partition's DNS suffix and returns what
// is left without region, fips, dualstack, vpce and global markers, and the
// region if one stood there. "vpce-1.sqs-fips.us-east-1.vpce" gives "vpce-1.sqs".
func Reduce(host string, isRegion func(string) bool) (label, region string) {
	labels := strings.Split(host, ".")
	kept := labels[:0]
	for i, l := range labels {
		switch {
		case l == "dualstack" || l == "fips":
			continue
		case i > 0 && (l == "vpce" || l == "global") && i >= len(labels)-2:
			continue
		case region == "" && isRegion(l):
			region = l
			continue
		}
		l = strings.TrimSuffix(strings.TrimPrefix(l, "fips-"), "-fips")
		kept = append(kept, l)
	}
	return strings.Join(kept, "."), region
}
