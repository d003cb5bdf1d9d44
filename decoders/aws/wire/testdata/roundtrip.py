"""Writes requests with botocore's own serializers, and the parameters they were
made of, one JSON object a line. Parameters come from the shapes, the same every
time. Usage: roundtrip.py STEP: every STEPth operation of all AWS services, in
every protocol that its service lists."""

import base64
import datetime
import json
import re
import sys

import botocore.session
from botocore.awsrequest import prepare_request_dict
from botocore.serialize import create_serializer

SCALARS = {"string", "character", "integer", "long", "float", "double", "boolean", "timestamp", "blob"}
WHEN = datetime.datetime(2024, 2, 29, 23, 59, 58, tzinfo=datetime.timezone.utc)


class Generator:
    """Makes (value for botocore, value as we decode it) pairs."""

    def __init__(self):
        self.n = 0

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


def labels(serializer, op, params):
    out = {}
    for name, member in (op.input_shape.members if op.input_shape else {}).items():
        if name not in params:
            continue
        if member.serialization.get("location") == "uri":
            out[member.serialization.get("name", name)] = str(serializer._get_uri_and_query_string_value(params[name], member))
        if member.serialization.get("hostLabel"):
            out[name] = params[name]
    return out


def main(step):
    session = botocore.session.Session()
    loader = session.get_component("data_loader")
    count = 0
    for service in loader.list_available_services("service-2"):
        model = session.get_service_model(service)
        protocols = model.metadata.get("protocols") or [model.metadata["protocol"]]
        for protocol in protocols:
            try:
                serializer = create_serializer(protocol, include_validation=False)
            except KeyError:
                continue
            for name in model.operation_names:
                count += 1
                if count % step:
                    continue
                op = model.operation_model(name)
                params, want = {}, {}
                if op.input_shape is not None:
                    params, want = Generator().value(op.input_shape, "body")
                sent = serializer.serialize_to_request(params, op)
                prepare_request_dict(sent, "https://host.test")
                body, headers = sent["body"], sent["headers"]
                if isinstance(body, dict):
                    from urllib.parse import urlencode
                    body = urlencode(body, doseq=True)
                if isinstance(body, str):
                    body = body.encode()
                url = sent["url"]
                print(json.dumps({
                    "service": service, "operation": name, "protocol": protocol, "method": sent["method"],
                    "url": url, "headers": {k: str(v) for k, v in headers.items()},
                    "body": base64.b64encode(body).decode(), "labels": labels(serializer, op, params), "want": want,
                    "eventstream": bool(op.has_event_stream_input),
                }))


if __name__ == "__main__":
    main(int(sys.argv[1]))
