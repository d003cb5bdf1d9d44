"""Makes botocore write a minimal, signed request for every operation of every
service (or of those named), as JSON lines on stdout. Nothing is sent.

    exam.py [SERVICE…]
"""
import base64
import json
import sys
import warnings

import botocore.session
from botocore.config import Config
from botocore.tokens import FrozenAuthToken

warnings.filterwarnings("ignore")
FIXED = {
    "AccountId": "123456789012", "Bucket": "my-bucket", "Key": "a/key.txt", "CopySource": "my-bucket/other",
    "RequestRoute": "route", "RequestToken": "token", "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/q",
}


def value(shape, name, depth=0):
    t = shape.type_name
    if name in FIXED and t == "string":
        return FIXED[name]
    if t == "structure":
        if getattr(shape, "is_document_type", False):
            return {}
        out = {}
        for m in shape.required_members:
            if depth < 6:
                out[m] = value(shape.members[m], m, depth + 1)
        if getattr(shape, "is_tagged_union", False) and not out and shape.members:
            m = next(iter(shape.members))
            if depth < 6:
                out[m] = value(shape.members[m], m, depth + 1)
        return out
    if t == "list":
        n = max(1, shape.metadata.get("min", 0))
        return [value(shape.member, name, depth + 1) for _ in range(min(n, 3) if n < 4 else n)] if depth < 6 else []
    if t == "map":
        return {"key1" if not shape.key.enum else shape.key.enum[0]: value(shape.value, "k", depth + 1)} if depth < 6 else {}
    if t == "string":
        if shape.enum:
            return shape.enum[0]
        n = shape.metadata.get("min", 0)
        if "arn" in name.lower():
            return "arn:aws:iam::123456789012:role/x" + "x" * max(0, n - 32)
        return "abc1" + "x" * max(0, n - 4)
    if t in ("integer", "long"):
        return max(1, int(shape.metadata.get("min", 1)))
    if t in ("float", "double"):
        return max(1.0, float(shape.metadata.get("min", 1)))
    if t == "boolean":
        return True
    if t == "timestamp":
        return "2024-01-02T03:04:05Z"
    if t == "blob":
        return b"blob" * max(1, (shape.metadata.get("min", 0) + 3) // 4)
    raise ValueError(t)


def text(v):
    return v.decode("latin-1") if isinstance(v, bytes) else str(v)


class Stop(Exception):
    pass


def main():
    session = botocore.session.get_session()
    session.set_credentials("ASIAQNZGKIQY56JQ7WML", "secret" * 6)
    session.get_auth_token = lambda **kw: FrozenAuthToken("token")  # codecatalyst signs with a bearer token
    config = Config(retries={"max_attempts": 0}, endpoint_discovery_enabled=False)
    out = sys.stdout
    for service in sys.argv[1:] or session.get_available_services():
        try:
            client = session.create_client(service, region_name="us-east-1", config=config)
        except Exception as e:  # a service that botocore itself cannot make
            print(json.dumps({"service": service, "error": repr(e)}), file=out)
            continue
        model = client.meta.service_model
        got = {}

        def before_send(request, **kw):
            got["r"] = request
            raise Stop()

        client.meta.events.register_last("before-send.*", before_send)
        for name in model.operation_names:
            op = model.operation_model(name)
            row = {"service": service, "operation": name}
            got.clear()
            try:
                params = value(op.input_shape, "") if op.input_shape else {}
                client._make_api_call(name, params)
            except Stop:
                pass
            except Exception as e:
                row["error"] = repr(e)[:200]
            r = got.get("r")
            if r is not None:
                row.pop("error", None)
                body = r.body
                if hasattr(body, "read"):
                    body = body.read()
                if isinstance(body, str):
                    body = body.encode()
                row.update(method=r.method, url=r.url, headers={k: text(v) for k, v in r.headers.items()},
                           body_b64=base64.b64encode(bytes(body or b"")).decode(), protocol=model.resolved_protocol if hasattr(model, "resolved_protocol") else "")
            print(json.dumps(row), file=out)


main()
