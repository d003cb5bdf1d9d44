"""Makes parameters out of the shapes of botocore's models, the same every time:
what botocore is handed, and what a decoder has to find in the request."""

import base64
import datetime

WHEN = datetime.datetime(2024, 2, 29, 23, 59, 58, tzinfo=datetime.timezone.utc)


class Generator:
    """Makes (value for botocore, value as we decode it) pairs. fixed gives the text
    of members by name, where any text will not do: a bucket, an account."""

    def __init__(self, fixed=None):
        self.n = 0
        self.fixed = fixed or {}

    def value(self, shape, where, stack=()):
        s = shape.serialization
        if s.get("jsonvalue") and s.get("location") == "header":
            v = {"k": [1, True, None, "é"], "n": {"x": 1.5}}
            return v, v
        if getattr(shape, "is_document_type", False):
            v = {"doc": [1, 2.5, None, True, "x<&>"], "deep": {"a": {"b": "c"}}}
            return v, v
        return getattr(self, shape.type_name)(shape, where, stack)

    def structure(self, shape, where, stack):
        if stack.count(shape.name) >= 2 or len(stack) > 12:
            return None
        made, want = {}, {}
        for name, member in shape.members.items():
            if getattr(member, "is_eventstream", False) or member.serialization.get("eventstream"):
                continue
            at = member.serialization.get("location", where) if not stack else where
            if member.serialization.get("hostLabel"):
                at = "host"
            if getattr(shape, "is_tagged_union", False) and made:
                break
            if name in self.fixed and member.type_name == "string":
                made[name] = want[name] = self.fixed[name]
                continue
            got = self.value(member, at, stack + (shape.name,))
            if got is not None:
                made[name], want[name] = got
        if stack and not made and shape.members:
            return None
        return made, want

    def list(self, shape, where, stack):
        got = [self.value(shape.member, where, stack + (shape.name,)) for _ in range(2)]
        if stack.count(shape.name) >= 2 or None in got:
            return None
        return [a for a, _ in got], [b for _, b in got]

    def map(self, shape, where, stack):
        if stack.count(shape.name) >= 2:
            return None
        made, want = {}, {}
        for _ in range(2):
            key, _ = self.string(shape.key, "host" if where in ("headers", "querystring") else where, stack)
            if key in made:
                continue
            got = self.value(shape.value, where, stack + (shape.name,))
            if got is None:
                return None
            made[key] = got[0]
            want[key.lower() if where == "headers" else key] = got[1]
        return made, want

    def string(self, shape, where, stack):
        self.n += 1
        if getattr(shape, "enum", None):
            v = shape.enum[self.n % len(shape.enum)]
        elif where == "host":
            v = f"label-{self.n}"
        elif where in ("header", "headers"):
            v = f'v{self.n} a/b=c'
        elif where == "uri":
            v = f"u{self.n}/a b+é%~"
        else:
            v = f'v{self.n} <&>"\'é%+;=.☃ / \\'
        return v, v

    character = string

    def integer(self, shape, where, stack):
        self.n += 1
        return self.n, self.n

    def long(self, shape, where, stack):
        self.n += 1
        v = 2**53 + self.n
        return v, v

    def float(self, shape, where, stack):
        self.n += 1
        return (float("inf"), "Infinity") if self.n % 17 == 0 else (self.n + 0.5, self.n + 0.5)

    double = float

    def boolean(self, shape, where, stack):
        self.n += 1
        return bool(self.n % 2), bool(self.n % 2)

    def timestamp(self, shape, where, stack):
        self.n += 1
        v = WHEN + datetime.timedelta(seconds=self.n)
        return v, v.strftime("%Y-%m-%dT%H:%M:%SZ")

    def blob(self, shape, where, stack):
        self.n += 1
        v = b"\x00\xff blob %d" % self.n
        return v, base64.b64encode(v).decode()
