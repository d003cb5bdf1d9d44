package aws

import (
	"slices"
	"sort"
	"strings"

	"github.com/assent-iom/assent/decoders"
	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

const (
	// maxTargets bounds the targets of one call: a DeleteObjects names 1,000 keys,
	// the largest batch that AWS takes, and its bucket.
	maxTargets = 1100
	// maxFields and fieldDepth bound the texts in which targets are looked for. A
	// BatchWriteItem holds whole items, and DynamoDB nests them 32 deep, each level
	// in two of JSON.
	maxFields  = 32 << 10
	fieldDepth = 80
)

// scene is where a call happens: it fills ARN templates.
type scene struct{ partition, region, account string }

func (s scene) known() scene {
	for _, p := range []*string{&s.partition, &s.region, &s.account} {
		if *p == "" {
			*p = "*"
		}
	}
	return s
}

// fill fills a template. Variables without a value become "*". A value may be an
// ARN: of this very type, it is the answer; of another (the cluster of a
// service), its last segment fills the variable.
func (s scene) fill(template string, values map[string]string) string {
	s = s.known()
	s, values = s.spelled(template, values)
	whole := ""
	urn := expand(template, func(name string) string {
		switch name {
		case "Partition":
			return s.partition
		case "Region":
			return s.region
		case "Account":
			return s.account
		default:
			value := values[name]
			if value == "" {
				return "*"
			}
			if parts, isARN := parseARN(value); isARN {
				if isOfTemplate(parts, template) {
					whole = value
				}
				return parts[5][strings.LastIndexAny(parts[5], ":/")+1:]
			}
			return bare(template, name, value)
		}
	})
	if whole != "" {
		urn = whole
	}
	return unqualified(template, urn)
}

// isOfTemplate reports whether an ARN has the literal start of a template.
func isOfTemplate(arn []string, template string) bool {
	t := strings.SplitN(template, ":", 6)
	if len(t) != 6 || t[2] != arn[2] {
		return false
	}
	literal, _, _ := strings.Cut(t[5], "${")
	return strings.HasPrefix(arn[5], literal)
}

// field is one string of a call's parameters and where it stands.
type field struct {
	name  string
	lower string
	stem  string
	value string
	depth int
}

// fields lists the strings of a tree in a stable order. whole is false when there
// are more than the bounds allow: anything may be among those that were left out.
func fields(tree map[string]any) (out []field, whole bool) {
	whole = true
	var walk func(name string, v any, depth int)
	walk = func(name string, v any, depth int) {
		if len(out) >= maxFields || depth > fieldDepth {
			whole = false
			return
		}
		switch v := v.(type) {
		case string:
			out = append(out, field{name, strings.ToLower(name), stem(name), v, depth})
		case []any:
			for _, e := range v {
				walk(name, e, depth)
			}
		case map[string]any:
			keys := make([]string, 0, len(v))
			for k := range v {
				keys = append(keys, k)
			}
			sort.Strings(keys)
			for _, k := range keys {
				walk(k, v[k], depth+1)
			}
		}
	}
	walk("", tree, 0)
	return out, whole
}

// targets says what an operation touches, and the type of the main target. whole
// is false when it may touch more than is listed.
func (h hand) targets(op *table.Operation, verb model.Verb, params map[string]any, at scene) (out []model.Target, mainType string, whole bool) {
	t := &targeting{op: op, at: at, verb: verb, seen: map[model.URN]bool{}}
	t.fields, whole = fields(params)
	word, rest := cutWord(op.Name)
	t.noun = singular(rest)
	listed := own(op.Service, op.Resources)
	rows := h.of(op)
	var main *table.ResourceType
	if rows == nil {
		if main = t.main(listed); main != nil {
			main = t.mostFilled(main, listed, ownTypes(op.Service))
		}
	}
	creates := verb == model.Create || word == "Create" // CreatePolicy grants
	switch {
	case rows != nil:
		mainType = t.byHand(rows, params)
	case main != nil:
		mainType = main.Name
		role := model.RoleTarget
		if creates && t.makes(main) {
			role = model.RoleCreated
		}
		t.resolve(*main, role, true)
		if len(t.out) == 0 && role == model.RoleCreated {
			t.add(at.fill(main.ARN, nil), main.Name, role)
		}
	}
	for _, r := range listed {
		if (main == nil || r.Name != main.Name) && r.Name != mainType {
			role := model.RoleDependency
			if main == nil && rows == nil && r.Required {
				role = model.RoleTarget
			}
			t.resolve(r, role, false)
		}
	}
	t.named(main, rows != nil)
	if runsAnywhere(op, verb, params) {
		s := at.known()
		t.add("arn:"+s.partition+":ec2:"+s.region+":"+s.account+":instance/*", "ec2:instance", model.RoleTarget)
	}
	if verb.Mutates() && !slices.ContainsFunc(t.out, func(x model.Target) bool { return x.Role != model.RoleDependency }) {
		if main != nil && len(t.out) == 0 && op.Service.Name != "ec2" {
			t.add(at.fill(main.ARN, nil), main.Name, model.RoleTarget)
		} else {
			t.whole(model.RoleTarget)
		}
	}
	sort.SliceStable(t.out, func(i, j int) bool { return rank(t.out[i].Role) < rank(t.out[j].Role) })
	if mainType == "" && len(t.out) > 0 {
		mainType = t.out[0].Type
	}
	return t.out, mainType, whole && !t.over
}

func rank(role string) int {
	return slices.Index([]string{model.RoleTarget, model.RoleCreated, model.RoleDependency}, role)
}

type targeting struct {
	op     *table.Operation
	at     scene
	verb   model.Verb
	noun   string
	fields []field
	out    []model.Target
	seen   map[model.URN]bool
	over   bool // there were more than maxTargets
}

func (t *targeting) add(urn, kind, role string) {
	switch {
	case t.seen[model.URN(urn)]:
		if role == model.RoleTarget { // named twice: what is changed is more than a dependency
			for i := range t.out {
				if t.out[i].URN == model.URN(urn) && t.out[i].Role == model.RoleDependency {
					t.out[i].Role = role
				}
			}
		}
	case len(t.out) >= maxTargets:
		t.over = true
	default:
		t.seen[model.URN(urn)] = true
		t.out = append(t.out, model.Target{URN: model.URN(urn), Type: kind, Role: role})
	}
}

// main picks the resource type that the operation's name speaks of: the longest
// noun in it.
func (t *targeting) main(listed []table.ResourceType) *table.ResourceType {
	pick := func(from []table.ResourceType) (best *table.ResourceType) {
		score := 0
		for i := range from {
			n := noun(from[i].Name)
			s := 0
			switch {
			case isNoun(from[i].Name, t.noun):
				s = 1000
			case strings.HasPrefix(t.noun, n):
				s = 300 + len(n)
			case strings.Contains(t.noun, n):
				s = 200 + len(n)
			case t.noun != "" && len(t.noun) > 3 && strings.HasPrefix(n, t.noun):
				s = 100 - len(n)
			}
			if s > score {
				best, score = &from[i], s
			}
		}
		return best
	}
	if best := pick(listed); best != nil {
		return best
	}
	if len(listed) == 1 {
		return &listed[0]
	}
	if len(listed) == 0 {
		return pick(kindsIn(t.op.Service).named[t.noun])
	}
	return nil
}

// makes reports whether a creating operation makes the resource itself, rather
// than something inside it (CreateRoute changes a route table).
func (t *targeting) makes(r *table.ResourceType) bool {
	if isNoun(r.Name, t.noun) {
		return true
	}
	vars := variables(r.ARN)
	return len(vars) > 0 && stem(vars[len(vars)-1]) == t.noun
}

// resolve finds the identifiers of a resource type among the parameters.
func (t *targeting) resolve(r table.ResourceType, role string, main bool) {
	values := map[string]string{}
	var many []string // the values of the last variable
	last := ""
	for _, v := range variables(r.ARN) {
		found := t.values(v, r, role, main)
		if len(found) == 0 {
			if !main { // half of a dependency's name is another resource's name
				return
			}
			continue
		}
		values[v], many, last = found[0], found, v
	}
	if last == "" {
		return
	}
	for _, one := range many {
		values[last] = one
		t.add(t.at.fill(r.ARN, values), r.Name, role)
	}
}

// values finds what fills one variable of a type's template.
func (t *targeting) values(v string, r table.ResourceType, role string, main bool) []string {
	want, n, last := stem(v), noun(r.Name), v == lastVariable(r.ARN)
	var best []string
	level := 0
	for _, f := range t.fields {
		s, lower, got := f.stem, f.lower, 0
		switch {
		case f.depth > 1 && !(v == "ObjectName" && f.name == "Key"):
			continue // nested names are dependencies, found by their form
		case strings.EqualFold(f.name, v):
			got = 9
		case v == "ObjectName" && f.name == "Key":
			got = 9
		case s == want:
			got = 8
		case s == n && last && !claimed(f, v, r.ARN):
			got = 7
		case main && last && !claimed(f, v, r.ARN) && (lower == "name" || lower == "id" || lower == "arn" || lower == "identifier" || lower == "resourcearn" || lower == "resourceid"):
			got = 5
		case main && last && len(s) > 2 && (want != "resource" && strings.HasSuffix(want, s) || strings.HasSuffix(n, s)) && !claimed(f, v, r.ARN):
			got = 4
		}
		if got == 0 || !t.plausible(v, f, r, role) {
			continue
		}
		value := t.within(f.value, v, r.ARN)
		if strings.HasSuffix(lower, "url") {
			value = t.at.ofURL(r.ARN, value)
		}
		if got > level {
			best, level = nil, got
		}
		if got == level {
			best = append(best, value)
		}
	}
	return best
}

// claimed reports whether another variable of a template is called as a parameter
// is: the CapabilityName of an EKS capability is not its CapabilityType.
func claimed(f field, v, template string) bool {
	return slices.ContainsFunc(variables(template), func(w string) bool { return w != v && (strings.EqualFold(f.name, w) || f.stem == stem(w)) })
}

// plausible refuses values that cannot be the identifier: EC2 ids have a prefix,
// a name is not the id that the cloud will make, an ARN names its own service.
func (t *targeting) plausible(v string, f field, r table.ResourceType, role string) bool {
	if f.value == "" || f.value == decoders.Redacted {
		return false
	}
	prefix, name := splitType(r.Name)
	if parts, ok := parseARN(f.value); ok {
		return parts[2] == prefix || strings.HasPrefix(r.ARN, "arn:${Partition}:"+parts[2]+":")
	}
	if prefix == "ec2" && !strings.HasSuffix(v, "Name") {
		kind, ok := ec2Type(f.value)
		if !ok && !prefixed(name) { // no id of this type can be told by its form
			return strings.EqualFold(f.name, v) || f.stem == stem(v) || isNoun(r.Name, f.stem)
		}
		return ok && kind == name
	}
	if made := strings.HasSuffix(strings.ToLower(v), "id"); made && len(variables(r.ARN)) > 1 {
		if strings.HasSuffix(f.lower, "name") || strings.HasSuffix(f.lower, "names") { // a name beside an id that the cloud makes
			return false
		}
	}
	if role == model.RoleCreated && strings.HasSuffix(v, "Id") && strings.HasSuffix(f.lower, "name") {
		return false
	}
	return true
}

// named adds what parameters name by form alone: EC2 ids and ARNs, at any depth.
// What a row of targets.yaml says is changed is all that is.
func (t *targeting) named(main *table.ResourceType, byHand bool) {
	account := t.at.known()
	for _, f := range t.fields {
		if kind, ok := ec2Type(f.value); ok {
			name := "ec2:" + kind
			if slices.ContainsFunc(t.out, func(x model.Target) bool { return x.Type == name && strings.HasSuffix(string(x.URN), "/"+f.value) }) {
				continue // found by its parameter, with the template's own account
			}
			role := model.RoleDependency
			if t.op.Access == table.AccessTagging || f.depth <= 1 && subject(f.lower) && !byHand || t.verb == model.Execute && f.depth <= 1 || main != nil && main.Name == name && f.depth <= 1 {
				role = model.RoleTarget
			}
			t.add("arn:"+account.partition+":ec2:"+account.region+":"+account.account+":"+kind+"/"+f.value, name, role)
			continue
		}
		if t.verb == model.Execute && f.depth <= 1 && t.op.Service.Name == "ssm" && strings.HasPrefix(f.value, "mi-") { // a machine outside EC2
			t.add("arn:"+account.partition+":ssm:"+account.region+":"+account.account+":managed-instance/"+f.value, "ssm:managed-instance", model.RoleTarget)
			continue
		}
		parts, ok := parseARN(f.value)
		if !ok || strings.ContainsAny(f.value, " \n\"{") {
			continue
		}
		role := model.RoleDependency
		lower := f.lower
		if f.depth <= 1 && (subject(lower) && !byHand || lower == "arn" && !byHand || main == nil && !byHand && strings.HasPrefix(parts[2], t.op.Service.SigningName)) {
			role = model.RoleTarget
		}
		t.add(f.value, typeOfARN(f.value, t.op.Service), role)
	}
}

// subject reports a member that holds what a call is about, whatever type it has.
func subject(lower string) bool {
	switch lower {
	case "resource", "resources", "resourcearn", "resourcearns", "resourcearnlist", "resourceid", "resourceids", "resourcename":
		return true
	}
	return false
}

// typeOfARN names the resource type of an ARN, from the service's own templates
// where they fit, else from its form.
func typeOfARN(arn string, s *table.Service) string {
	parts, _ := parseARN(arn)
	best, length := "", -1
	if s != nil {
		k := kindsIn(s)
		for i, form := range k.forms {
			if form == nil || form[2] != parts[2] {
				continue
			}
			if n, ok := fits(form[5], parts[5]); ok && n > length {
				best, length = k.own[i].Name, n
			}
		}
	}
	if best != "" {
		return best
	}
	if i := strings.IndexAny(parts[5], ":/"); i > 0 {
		if parts[2] == "s3" && parts[3] == "" {
			return "s3:object"
		}
		return parts[2] + ":" + parts[5][:i]
	}
	if kind, ok := untyped[parts[2]]; ok {
		return parts[2] + ":" + kind
	}
	return parts[2] + ":resource"
}

// fits reports whether the end of an ARN has the form of a template's, and how
// many of its letters the template says itself.
func fits(template, rest string) (letters int, ok bool) {
	for first := true; ; first = false {
		literal, after, more := strings.Cut(template, "${")
		switch i := strings.Index(rest, literal); {
		case i < 0 || first && i > 0 || !first && i == 0 && literal != "":
			return 0, false
		case !more && literal == "":
			return letters, first == (rest == "") || !first
		case !more && !strings.HasSuffix(rest, literal):
			return 0, false
		case !more:
			return letters + len(literal), true
		default:
			letters, rest = letters+len(literal), rest[i+len(literal):]
		}
		if rest == "" {
			return 0, false
		}
		_, template, _ = strings.Cut(after, "}")
	}
}

// extract reads the variables of a template from the end of an ARN.
func extract(template, rest string) map[string]string {
	if _, ok := fits(template, rest); !ok {
		return nil
	}
	out := map[string]string{}
	literal, after, more := strings.Cut(template, "${")
	rest = strings.TrimPrefix(rest, literal)
	for more {
		var name string
		name, after, _ = strings.Cut(after, "}")
		literal, after, more = strings.Cut(after, "${")
		i := len(rest)
		if literal != "" {
			if i = strings.Index(rest, literal); i < 0 {
				return out
			}
		}
		out[name], rest = rest[:i], rest[min(len(rest), i+len(literal)):]
	}
	return out
}

// untyped are the services whose ARNs hold a name and no word for its type.
var untyped = map[string]string{"s3": "bucket", "sqs": "queue", "sns": "topic"}
