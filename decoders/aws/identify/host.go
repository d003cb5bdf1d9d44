package identify

import (
	"net"
	"regexp"
	"strings"

	"github.com/assent-iom/assent/decoders/aws/identify/hosts"
	"github.com/assent-iom/assent/decoders/aws/table"
)

// place is what a host name says.
type place struct {
	AWS       bool // the host is in a domain of AWS
	Partition *table.Partition
	Region    string
	Services  []*table.Info // who answers there; nil: the name does not say
	Head      string        // the labels before the service's own, dot-separated
	S3        s3Host
	Front     bool // what answers there is in no model, whatever a signature says
}

// s3Host is the S3 part of a host name.
type s3Host struct {
	Is      bool
	Bucket  string // bucket, or the ARN of the access point that stands for it
	Account string
	Control bool // s3express-control: path style, directory buckets
	Lambda  bool // s3-object-lambda
	Maybe   bool // a custom endpoint whose first label may be a bucket
}

// functionURLs is the domain of Lambda function URLs and other front ends.
const functionURLs = ".on.aws"

// isFront reports a host whose calls are in no model: function URLs, and the sign-in
// and console hosts, which turn an access key into a browser's session and take
// changes from that. A signature for a service says nothing about a call there:
// these hosts need not look at it.
func isFront(host string) bool {
	if strings.HasSuffix(host, functionURLs) {
		return true
	}
	for _, name := range []string{"signin.aws.amazon.com", "console.aws.amazon.com", "signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com",
		"signin.amazonaws.cn", "console.amazonaws.cn", "signin.aws", "console.aws"} {
		if host == name || strings.HasSuffix(host, "."+name) {
			return true
		}
	}
	return false
}

func (id *Identifier) place(host string) place {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if isFront(host) {
		if signIn, ok := id.table.Info("signin"); ok && strings.Contains("."+host, ".signin.") {
			region, _, _ := strings.Cut(host, ".")
			if _, ok := id.table.PartitionOfRegion(region); !ok {
				region = ""
			}
			return place{AWS: true, Services: []*table.Info{signIn}, Region: region} // where the CLI renews its session
		}
		return place{AWS: true, Front: true}
	}
	partition, rest, ok := id.table.PartitionOf(host)
	if !ok {
		return place{S3: customS3(host)}
	}
	// aws and aws-us-gov share their suffixes; the region tells them apart.
	for _, l := range strings.Split(rest, ".") {
		if own, ok := id.table.PartitionOfRegion(strings.TrimPrefix(l, "s3-")); ok && own.DNS == partition.DNS {
			partition = own
		}
	}
	p := place{AWS: true, Partition: partition}
	isRegion := func(l string) bool { return partition.MatchesRegion(l) }
	if s3, service, region, ok := parseS3(rest, partition, isRegion); ok {
		p.S3, p.Region = s3, region
		for _, name := range strings.Split(service, ",") {
			if info, ok := id.table.Info(name); ok {
				p.Services = append(p.Services, info)
			}
		}
		return p
	}
	var label string
	label, p.Region = hosts.Reduce(rest, isRegion)
	label = withoutCell(label)
	for at := 0; ; {
		if found := id.table.ByHost(label[at:]); len(found) > 0 {
			p.Services, p.Head = found, strings.TrimSuffix(label[:at], ".")
			break
		}
		next := strings.IndexByte(label[at:], '.')
		if next < 0 {
			break
		}
		at += next + 1
	}
	return p
}

// customS3 says how an S3 client names a bucket on a host that is not AWS's:
// addresses and single names leave no room for it, BUCKET.localhost and
// BUCKET.s3.DOMAIN carry it, and every other name may or may not.
func customS3(host string) s3Host {
	if net.ParseIP(strings.Trim(host, "[]")) != nil || !strings.Contains(host, ".") {
		return s3Host{}
	}
	if b, ok := strings.CutSuffix(host, ".localhost"); ok {
		return s3Host{Bucket: b}
	}
	if strings.HasPrefix(host, "s3.") {
		return s3Host{}
	}
	if b, _, ok := strings.Cut(host, ".s3."); ok {
		return s3Host{Bucket: b}
	}
	first, _, _ := strings.Cut(host, ".")
	return s3Host{Bucket: first, Maybe: true}
}

var s3Label = regexp.MustCompile(`^(s3|s3-accelerate|s3-accesspoint|s3-object-lambda|s3-outposts|s3-control|s3-global|s3-external-1|s3express-control|s3express-[a-z0-9-]+|s3-[a-z]+-[a-z0-9-]+-\d)$`)

// parseS3 reads the S3 endpoint grammar: virtual and path style, legacy,
// dualstack, fips, accelerate, access points, object lambda, outposts,
// multi-region, express and VPC endpoints.
func parseS3(rest string, partition *table.Partition, isRegion func(string) bool) (h s3Host, service, region string, ok bool) {
	labels := strings.Split(rest, ".")
	at := -1
	for i := len(labels) - 1; i >= 0 && i >= len(labels)-4; i-- {
		l := strings.TrimSuffix(labels[i], "-fips")
		l = strings.Replace(l, "s3express-fips-", "s3express-", 1)
		if s3Label.MatchString(l) {
			at = i
			labels[i] = l
			break
		}
		if isRegion(l) {
			region = l
		} else if l != "dualstack" && l != "vpce" && l != "global" && l != "fips" {
			break // some other service's name
		}
	}
	if at < 0 {
		return h, "", "", false
	}
	kind, head := labels[at], labels[:at]
	h.Is, service = true, "s3"
	if r, found := strings.CutPrefix(kind, "s3-"); found && isRegion(r) {
		region = r
	}
	if n := len(head); n > 0 && strings.HasPrefix(head[n-1], "vpce-") {
		head = head[:n-1]
		if n := len(head); n > 0 { // bucket., accesspoint. and control. say which API
			switch head[n-1] {
			case "accesspoint":
				kind = "s3-accesspoint"
			case "control":
				kind = "s3-control"
			}
			head = head[:n-1]
		}
	}
	name := strings.Join(head, ".")
	point := func(prefix string) string { // NAME-ACCOUNT
		i := strings.LastIndexByte(name, '-')
		if i < 0 || !isAccount(name[i+1:]) {
			return name
		}
		h.Account = name[i+1:]
		return "arn:" + partition.Name + ":" + prefix + ":" + region + ":" + h.Account + ":accesspoint/" + name[:i]
	}
	switch {
	case kind == "s3-control":
		service = "s3control"
		if isAccount(name) {
			h.Account = name
		}
	case kind == "s3express-control":
		h.Control, service = true, "s3,s3control"
	case kind == "s3-global": // ALIAS.mrap.accesspoint.s3-global
		alias, _, _ := strings.Cut(name, ".accesspoint")
		h.Bucket = "arn:" + partition.Name + ":s3:::accesspoint/" + alias
	case kind == "s3-accesspoint":
		h.Bucket = point("s3")
	case kind == "s3-object-lambda":
		h.Lambda = true
		h.Bucket = point("s3-object-lambda")
	case kind == "s3-outposts":
		h.Bucket, h.Account = outpost(head, partition, region)
		if isAccount(name) || name == "" { // s3control on outposts
			h.Bucket, service = "", "s3control,s3outposts"
		}
	default:
		h.Bucket = name
	}
	return h, service, region, true
}

// outpost reads ACCESSPOINT-ACCOUNT.OP-ID; anything else is a bucket alias.
func outpost(head []string, partition *table.Partition, region string) (bucket, account string) {
	name := strings.Join(head, ".")
	if len(head) != 2 || !strings.HasPrefix(head[1], "op-") {
		return name, ""
	}
	i := strings.LastIndexByte(head[0], '-')
	if i < 0 || !isAccount(head[0][i+1:]) {
		return head[0], ""
	}
	account = head[0][i+1:]
	return "arn:" + partition.Name + ":s3-outposts:" + region + ":" + account + ":outpost/" + head[1] + "/accesspoint/" + head[0][:i], account
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isWebsite reports an endpoint where S3 serves a bucket as a website. It is told by
// the endpoint's own labels: those of the bucket may be called anything.
func isWebsite(labels []string, isRegion func(string) bool) bool {
	n := len(labels)
	if strings.HasPrefix(labels[n-1], "s3-website-") {
		return true
	}
	if !isRegion(labels[n-1]) {
		return false
	}
	if n > 1 && labels[n-2] == "dualstack" {
		n--
	}
	return n > 1 && labels[n-2] == "s3-website"
}

// Governs reports whether a host is an AWS API endpoint: in a domain of a
// partition, and not a customer's own resource that AWS merely named (a load
// balancer, an instance, an EKS cluster, a database, a website).
func (id *Identifier) Governs(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if isFront(host) {
		return true
	}
	partition, rest, ok := id.table.PartitionOf(host)
	if !ok {
		return false
	}
	labels := strings.Split(rest, ".")
	last, n := labels[len(labels)-1], len(labels)
	if isWebsite(labels, partition.MatchesRegion) || last == "compute" || last == "compute-1" || last == "elb" {
		return false
	}
	// RESOURCE.….REGION.SERVICE is a resource; an API is SERVICE.REGION. Before S3's
	// own label stands a bucket, whose name may end in a region's.
	if n < 3 || last == "vpce" || last == "dualstack" || s3Label.MatchString(last) {
		return true
	}
	region, ok := id.table.PartitionOfRegion(labels[n-2])
	return !ok || region.DNS != partition.DNS
}
