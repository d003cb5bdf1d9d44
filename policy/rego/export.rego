# How the clauses below are judged: the same for every set of documents.
#
# The input is {"questions": [...]}, one for each thing that a call changes and each
# of those whose rights it needs, as `assent intent export --questions ID` writes
# them for a recorded decision. data.assent.intent.verdict is deny, hold or allow.
#
# Not in here, and answered in the input by whoever has the graph, the clock and the
# memory for it: who somebody is, which environment a thing is in and who owns it, how
# many depend on it and what becomes reachable, which windows are open, which
# approvals were given, whether something was otherwise before and does not get worse;
# and, as `outside`, the most that topology rules, declared resources, changes under
# way, rules in Rego and budgets let through.

level := {"deny": 0, "hold": 1, "allow": 2}

default verdict := "deny"

verdict := ["deny", "hold", "allow"][least] if {
	count(input.questions) > 0
	least := min([l | some q in input.questions; l := answer with input as q])
}

# answer is about one question. Whatever is not there denies: what `not` is asked
# about below has to be known to be there, or a whole rule would be silent.
default answer := 0

answer := min(lets) if whole

whole if {
	is_boolean(input.asks)
	is_boolean(input.dry_run)
	is_boolean(input.unclear)
	is_boolean(input.exact)
	is_boolean(input.changes)
	is_string(input.subject)
	is_array(input.subjects)
	is_boolean(input.actor.known)
	is_string(input.actor.kind)
	is_string(input.verb)
	is_string(input.capability)
	is_string(input.operation)
	is_string(input.outside)
	is_string(input.day)
	is_number(input.at)
	is_object(input.props)
	is_boolean(input.in_caps)
	is_string(input.thing.urn)
	is_string(input.thing.canon)
	is_string(input.thing.name)
	is_string(input.thing.type)
	is_string(input.thing.perhaps)
	is_boolean(input.thing.known)
	is_boolean(input.thing.created)
	is_boolean(input.thing.rivals)
	is_array(input.thing.possible)
	is_array(input.thing.others)
	is_string(input.thing.owner)
	is_string(input.thing.env)
}

lets contains level[input.outside]

lets contains 0 if not level[input.outside]

lets contains 2 if not input.asks

lets contains granted if input.asks

lets contains 0 if {
	not input.dry_run
	some clause in forbids
	not lifted[clause]
}

lets contains 0 if {
	input.asks
	some found in violates
	not excused(found)
}

excused(found) if waived[found]

excused(found) if warns[found]

excused(found) if {
	ratchets[found]
	not input.thing.created
	found in input.no_worse
}

# granted is what the allow clauses let through.
default granted := 0

granted := 0 if {
	stopped
} else := unclear if {
	input.unclear
} else := 0 if {
	input.thing.urn == "*"
	not input.exact
} else := 2 if {
	some clause in allows
	given(clause)
} else := 1 if {
	some clause in allows
	input.given[clause] == "waits"
}

given(clause) if not approvals[clause]

given(clause) if input.given[clause] == "given"

stopped if input.subject == ""

stopped if {
	some subject in input.subjects
	subject == ""
}

stopped if input.thing.env == ""

stopped if frozen

stopped if {
	behalf[input.subjects[0]]
	count(input.subjects) == 1
}

# unclear is what an environment says of actions that nobody understands.
default unclear := 0

unclear := 2 if {
	unknown_actions[input.thing.env] == "observe"
	input.in_caps
} else := 2 if {
	unknown_actions[input.thing.env] == "hold"
	input.given[unknown_clause] == "given"
	input.in_caps
} else := 1 if {
	unknown_actions[input.thing.env] == "hold"
	input.given[unknown_clause] == "waits"
}

unknown_clause := sprintf("environment %s/unknownActions", [input.thing.env])

# what allow clauses ask

may(verbs) if input.verb in verbs

one_of(text, patterns) if {
	some pattern in patterns
	covers(pattern, text)
}

# covers: a * of a pattern stands for anything; a * of a text is something unknown,
# and only a * covers it.
covers(pattern, text) if {
	not contains(pattern, "*")
	not contains(text, "*")
	pattern == text
}

covers(pattern, text) if {
	contains(pattern, "*")
	regex.match(concat("", ["^(?s:", replace(quoted(pattern), "*", ".*"), ")$"]), text)
}

quoted(pattern) := regex.replace(pattern, `[\\.+?()|\[\]{}^$]`, `\$0`)

resource_is(patterns) if "*" in patterns

resource_is(patterns) if {
	some pattern in patterns
	not contains(pattern, ":")
	covers(pattern, input.thing.name)
}

resource_is(patterns) if {
	some pattern in patterns
	contains(pattern, ":")
	covers(pattern, input.thing.urn)
}

owned_by(owner) if {
	input.thing.owner == owner
	count(input.thing.others) == 0
}

tagged(key, pattern) if covers(pattern, input.thing.tags[key])

must(condition) if {
	all := said(condition.property)
	meets(condition, all) == "yes"
	not empty_creation(all)
}

empty_creation(all) if {
	count(all) == 0
	input.verb == "create"
}

targets_within(most) if input.targets <= most

dependents_within(most) if {
	input.radius.complete
	input.radius.dependents <= most
}

exposed_within(_) if input.exposure == null

exposed_within(most) if {
	input.exposure.complete
	input.exposure.opened <= most
}

cap_within if not caps[input.thing.env]

cap_within if dependents_within(caps[input.thing.env])

open(windows) if {
	some window in input.windows
	window in windows
}

ticket(patterns) if {
	input.actor.ticket != ""
	one_of(input.actor.ticket, patterns)
}

evidence(claim, pattern) if {
	input.actor.claims[claim] != ""
	covers(pattern, input.actor.claims[claim])
}

# what never clauses ask: what is not known may be what they are about

anybody if not input.actor.known

concerns(_, _) if anybody

concerns(who, _) if {
	some subject in input.subjects
	subject in who
}

concerns(_, kinds) if input.actor.kind in kinds

concerns(_, kinds) if {
	count(kinds) > 0
	input.subjects[0] == ""
	input.actor.kind == ""
}

does(verbs) if input.verb in verbs

does(_) if input.unclear

does_anything if input.changes

does_anything if input.verb == "reveal"

maybe("", _)

maybe(text, patterns) if {
	some pattern in patterns
	overlaps(pattern, text)
}

overlaps(pattern, text) if {
	said := unsaid(pattern, text)
	not contains(said, "*")
	covers(pattern, said)
}

overlaps(pattern, text) if {
	said := unsaid(pattern, text)
	contains(said, "*")
	regex.globs_match(glob(pattern), glob(said))
}

# a commitment stands for a secret, which may be anything
commitment := `\(secret-[a-z2-7]{16}\)`

unsaid(pattern, text) := regex.replace(text, commitment, "*") if not regex.match(commitment, pattern)

unsaid(pattern, text) := text if regex.match(commitment, pattern)

glob(pattern) := replace(regex.replace(pattern, `[\\.+\[\]\-()]`, `\$0`), "*", ".*")

type_maybe(patterns) if maybe(input.thing.type, patterns)

type_maybe(patterns) if {
	input.thing.perhaps != ""
	maybe(input.thing.perhaps, patterns)
}

resource_maybe(patterns) if "*" in patterns

resource_maybe(patterns) if {
	some pattern in patterns
	not contains(pattern, ":")
	overlaps(pattern, lower(input.thing.name))
}

resource_maybe(patterns) if {
	some pattern in patterns
	contains(pattern, ":")
	some urn in [input.thing.urn, input.thing.canon]
	overlaps(pattern, lower(urn))
}

maybe_owned_by(owner) if input.thing.owner == owner

maybe_owned_by(_) if input.thing.rivals

maybe_owned_by(owner) if owner in input.thing.others

maybe_tagged(_, _) if not input.thing.known

maybe_tagged(key, pattern) if tagged(key, pattern)

maybe_in(environments) if {
	some env in input.thing.possible
	env in environments
}

# what blueprints ask

for_capability(patterns) if one_of(input.capability, patterns)

states_something if count(input.props) > 0

fails(condition) if meets(condition, said(condition.property)) != "yes"

breaks(condition) if violation(condition, said(condition.property)) != "no"

exempt(resources, from, until) if {
	resource_is(resources)
	from <= input.day
	input.day <= until
}

only(who) if every subject in input.subjects { subject in who }

# properties

said(property) := object.get(input.props, property, [])

# meets: all of it is as wanted. violation: some of it is as described. yes, no, or
# unknown, which never helps.
meets(condition, all) := fold([t | some p in all; t := one(condition, p)], "no", "yes")

violation(condition, all) := fold([t | some p in all; t := one(condition, p)], "yes", "no")

fold(truths, decides, otherwise) := decides if {
	decides in truths
} else := "unknown" if {
	"unknown" in truths
} else := otherwise

truth(holds) := "yes" if holds == true

truth(holds) := "no" if holds == false

covered(pattern, text) if covers(pattern, text)

else := false

any_of(text, patterns) if one_of(text, patterns)

else := false

one(c, p) := truth(p.known) if {
	c.known
} else := "unknown" if {
	not p.known
} else := of_list(c, p.value) if {
	is_array(p.value)
} else := is(c["is"], p.value) if {
	has(c, "is")
} else := between(c, p.value) if {
	bounded(c)
} else := truth(any_of(text(p.value), c["in"])) if {
	has(c, "in")
} else := truth(text(p.value) != "") if {
	c.any
} else := truth(any_of(text(p.value), c["has"])) if {
	has(c, "has")
} else := "unknown"

has(c, name) if name in object.keys(c)

bounded(c) if has(c, "min")

bounded(c) if has(c, "max")

of_list(c, list) := truth(count(list) > 0) if {
	c.any
} else := truth(count([v | some v in list; not one_of(text(v), c["in"])]) == 0) if {
	has(c, "in")
} else := truth(count([v | some v in list; one_of(text(v), c["has"])]) > 0) if {
	has(c, "has")
} else := fold([t | some rule in list; t := lets_in(c, rule)], "yes", "no") if {
	about_traffic(c)
} else := fold([t | some v in list; t := is(c["is"], v)], "no", "yes") if {
	has(c, "is")
} else := "unknown"

about_traffic(c) if has(c, "from")

about_traffic(c) if has(c, "ports")

is(want, got) := truth(got == want) if {
	is_boolean(want)
	is_boolean(got)
} else := "unknown" if {
	is_boolean(want)
} else := truth(to_number(text(got)) == want) if {
	is_number(want)
	regex.match(`^[+-]?[0-9]{1,18}$`, text(got))
} else := "unknown" if {
	is_number(want)
} else := truth(covered(want, text(got)))

between(c, got) := "unknown" if {
	not rank(c, text(got))
} else := "unknown" if {
	has(c, "min")
	not rank(c, c.min)
} else := "no" if {
	has(c, "min")
	rank(c, text(got)) < rank(c, c.min)
} else := "unknown" if {
	has(c, "max")
	not rank(c, c.max)
} else := "no" if {
	has(c, "max")
	rank(c, text(got)) > rank(c, c.max)
} else := "yes"

# rank places a number, or a word of an ordered list.
rank(c, word) := i if {
	some i
	c.order[i] == word
}

rank(c, word) := to_number(word) if {
	not has(c, "order")
	regex.match(`^[+-]?[0-9]+([.][0-9]+)?$`, word)
}

# lets_in: a rule of a firewall lets in somebody from there, on one of these ports.
lets_in(c, rule) := "unknown" if {
	not is_object(rule)
} else := "no" if {
	"no" in [from(c, rule), ports(c, rule)]
} else := "unknown" if {
	"unknown" in [from(c, rule), ports(c, rule)]
} else := "yes"

from(c, rule) := "yes" if {
	not has(c, "from")
} else := "no" if {
	object.get(rule, "cidr", "") == ""
	some who in ["group", "peer"]
	object.get(rule, who, "") != ""
} else := "unknown" if {
	not net.cidr_is_valid(object.get(rule, "cidr", ""))
} else := "no" if {
	c.from == "internet"
	some range in private
	net.cidr_contains(range, rule.cidr)
} else := "yes" if {
	c.from == "internet"
} else := "yes" if {
	net.cidr_intersects(c.from, rule.cidr)
} else := "no"

ports(c, rule) := "no" if {
	has(c, "ports")
	is_number(rule.from)
	is_number(rule.to)
	count([port | some port in c.ports; port >= rule.from; port <= rule.to]) == 0
} else := "yes"

private := [
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"fc00::/7", "fe80::/10", "::1/128",
]

text(value) := value if {
	is_string(value)
} else := "" if {
	is_null(value)
} else := sprintf("%v", [value]) if {
	is_number(value)
} else := json.marshal(value)
