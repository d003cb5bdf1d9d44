"""Makes botocore write signed requests, as JSON lines on stdout. Nothing is sent:
the last hook before the wire takes the request away.

    exam.py minimal|full|s3|alternate|endpoints [SERVICE…]

minimal    every operation, with the parameters that it requires
full       every operation, with every parameter that its model has
s3         S3's operations on every shape of an S3 endpoint
alternate  every operation in each protocol that its service lists
endpoints  two operations of every service on its hosts in other partitions, with
           dualstack and FIPS, behind a VPC endpoint, and as presigned URLs

The rows of s3 and of alternate, and full's want, say what a reader has to find.
"""

import base64
import json
import multiprocessing
import os
import sys
import warnings
from urllib.parse import parse_qs, urlsplit

import botocore.session
from botocore.config import Config
from botocore.discovery import EndpointDiscoveryManager
from botocore.tokens import FrozenAuthToken

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../testdata"))
import shapes_of_s3
from values import Generator

warnings.filterwarnings("ignore")
ACCOUNT = "123456789012"
KEY = "ASIAQNZGKIQY56JQ7WML"
# What endpoint rules look at has to look right.
FIXED = {
    "AccountId": ACCOUNT, "Bucket": "my-bucket", "Key": "a/key.txt", "CopySource": "my-bucket/other",
    "RequestRoute": "route", "RequestToken": "token", "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/q",
    "PredictEndpoint": "https://realtime.machinelearning.us-east-1.amazonaws.com", "OutpostId": "op-01234567890123456",
    "KvsARN": "arn:aws:cloudfront::123456789012:key-value-store/01234567-89ab-cdef-0123-456789abcdef",
}
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/my-stream"
FIXED_OF = {
    "kinesis": {"StreamARN": STREAM, "ResourceARN": STREAM, "ConsumerARN": STREAM + "/consumer/c:1", "StreamId": "stream-1",
                "ChannelARN": STREAM.replace("stream/", "channel/"), "QueueARN": STREAM.replace("stream/", "queue/")},
    "events": {"EndpointId": "abcde.veo"},
    "opensearchmemory": {"spaceId": "space-1"},
    "sesv2": {"EndpointId": "abcde.veo"},
    "route53": {n: "Z0123456789ABCDEF" for n in ("Id", "HostedZoneId", "HostedZoneIdMarker", "DelegationSetId")},  # botocore cuts paths
}
# Where Timestream's endpoint discovery leads.
CELLS = {"timestream-query": "query-cell1", "timestream-write": "ingest-cell1"}


def fixed_of(service):
    return dict(FIXED, **FIXED_OF.get(service, {}))


def discovered(manager, **kw):
    """Takes the place of asking for an endpoint."""
    meta = manager._client.meta
    cell = CELLS.get(meta.service_model.service_name)
    return f"https://{cell}.timestream.{meta.region_name}.amazonaws.com" if cell and meta.region_name in ("us-east-1", "eu-west-1") else None


class Minimal:
    """Makes the parameters that an operation requires, within their bounds."""

    def __init__(self, fixed):
        self.fixed = fixed

    def value(self, shape, name, stack=()):
        t = shape.type_name
        if name in self.fixed and t == "string":
            return self.fixed[name]
        if t == "structure":
            return self.structure(shape, stack + (shape.name,))
        if t == "list":
            n = shape.metadata.get("min", 0)
            if n == 0 and shape.member.name in stack:
                return []
            return [self.value(shape.member, name, stack) for _ in range(max(1, n))]
        if t == "map":
            key = "key1" if not shape.key.enum else shape.key.enum[0]
            return {key: self.value(shape.value, "k", stack)}
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

    def structure(self, shape, stack):
        if getattr(shape, "is_document_type", False):
            return {}
        names = list(shape.required_members)
        if getattr(shape, "is_tagged_union", False) and not names:
            names = sorted(shape.members, key=lambda m: recursive(shape.members[m], stack))[:1]
        return {m: self.value(shape.members[m], m, stack) for m in names}


def recursive(shape, stack, seen=()):
    """Reports whether a value of a shape has to hold another of one in stack."""
    if shape.name in stack:
        return True
    if shape.name in seen or shape.type_name not in ("structure", "list"):
        return False
    inner = [shape.member] if shape.type_name == "list" else [shape.members[m] for m in shape.required_members]
    if getattr(shape, "is_tagged_union", False):
        return all(recursive(m, stack, seen + (shape.name,)) for m in shape.members.values())
    return any(recursive(m, stack, seen + (shape.name,)) for m in inner)


def text(v):
    return v.decode("latin-1") if isinstance(v, bytes) else str(v)


class Stop(Exception):
    pass


def new_session():
    EndpointDiscoveryManager.describe_endpoint = discovered
    session = botocore.session.get_session()
    session.set_credentials(KEY, "secret" * 6)
    session.get_auth_token = lambda **kw: FrozenAuthToken("token")  # codecatalyst signs with a bearer token
    return session


class Writer:
    """Makes one client write requests, and keeps them from the wire."""

    def __init__(self, client):
        self.client, self.got = client, None
        client.meta.events.register_last("before-send.*", self.take)

    def take(self, request, **kw):
        self.got = request
        raise Stop()

    def write(self, name, params, row):
        self.got = None
        try:
            self.client._make_api_call(name, params)
        except Stop:
            pass
        except Exception as e:
            row["error"] = repr(e)[:300]
        return self.fill(row)

    def presign(self, op, params, row):
        """Makes a URL, and the headers that whoever uses it has to send."""
        seen, meta = {}, self.client.meta
        method = next(k for k, v in meta.method_to_api_mapping.items() if v == op.name)
        meta.events.register_first("before-sign.*." + op.name, lambda request, **kw: seen.update(request.headers))
        try:
            url = self.client.generate_presigned_url(method, params)
        except Exception as e:
            return dict(row, error=repr(e)[:300])
        signed = parse_qs(urlsplit(url).query).get("X-Amz-SignedHeaders", ["host"])[0].split(";")
        headers = {k: text(v) for k, v in seen.items() if k.lower() in signed and k.lower() != "host"}
        return dict(row, method=op.http["method"], url=url, headers=headers, body="")

    def fill(self, row):
        r = self.got
        if r is None:
            return row
        row.pop("error", None)
        body = r.body
        if hasattr(body, "read"):
            body = body.read()
        if isinstance(body, str):
            body = body.encode()
        row.update(method=r.method, url=r.url, headers={k: text(v) for k, v in r.headers.items()},
                   body=base64.b64encode(bytes(body or b"")).decode())
        return row


def config(**kw):
    return Config(retries={"max_attempts": 0}, endpoint_discovery_enabled=True, **kw)


def rows_of(client, service, full, names=None):
    """Gives a row for every operation that a client has, or for those named."""
    model, writer = client.meta.service_model, Writer(client)
    for name in model.operation_names:
        if names is not None and name not in names:
            continue
        op = model.operation_model(name)
        row = {"service": service, "operation": name, "protocol": model.resolved_protocol, "id": model.service_id.hyphenize().replace("-", ""),
               "signing": op.auth_type or "", "eventstream": bool(op.has_event_stream_input)}
        params, fixed = {}, fixed_of(service)
        if op.input_shape is not None and full:
            params, row["want"] = Generator(fixed).value(op.input_shape, "body")
        elif op.input_shape is not None:
            params = Minimal(fixed).value(op.input_shape, "")
        yield writer.write(name, params, row)


def one_service(kind, service):
    session = new_session()
    try:
        if kind == "alternate":
            return alternate(session, service)
        if kind == "endpoints":
            return endpoints(session, service)
        client = session.create_client(service, region_name="us-east-1", config=config(parameter_validation=kind != "full"))
    except Exception as e:  # a service that botocore itself cannot make
        return [{"service": service, "error": repr(e)}]
    return list(rows_of(client, service, kind == "full"))


def alternate(session, service):
    """Rows in each protocol of a service but the one that botocore takes."""
    loader = session.get_component("data_loader")
    model = loader.load_service_model(service, "service-2")
    meta, out = model["metadata"], []
    first = session.get_service_model(service).resolved_protocol
    for protocol in meta.get("protocols", []):
        if protocol == first:
            continue
        meta["protocol"], meta["protocols"] = protocol, [protocol]
        client = session.create_client(service, region_name="us-east-1", config=config())
        out += list(rows_of(client, service, False))
    return out


ENDPOINTS = [("eu-west-1", {}), ("us-east-1", {"use_fips_endpoint": True}), ("us-east-1", {"use_dualstack_endpoint": True}),
             ("us-east-1", {"use_fips_endpoint": True, "use_dualstack_endpoint": True})]
ENDPOINTS += [(r, {}) for r in ("cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1")]


def endpoints(session, service):
    """Rows of a service on its hosts elsewhere. Not every service is everywhere:
    its rules still give a host, and that is all that is looked at."""
    out = []
    for region, options in ENDPOINTS:
        client = session.create_client(service, region_name=region, config=config(**options))
        out += two(client, service, " ".join([region, *sorted(options)]))
    host = session.create_client(service, region_name="us-east-1").meta.endpoint_url.split("//")[1]
    if host.endswith(".us-east-1.amazonaws.com") and not service.startswith("s3"):
        private = "https://vpce-0123456789abcdef0-abcdefgh." + host.removesuffix("amazonaws.com") + "vpce.amazonaws.com"
        client = session.create_client(service, region_name="us-east-1", endpoint_url=private, config=config(inject_host_prefix=False))
        out += two(client, service, "VPC endpoint")
    client = session.create_client(service, region_name="us-east-1", config=config())
    model, writer = client.meta.service_model, Writer(client)
    if model.resolved_protocol not in ("json", "smithy-rpc-v2-cbor"):  # these cannot be called by a URL
        for op in some(model):
            if model.resolved_protocol.startswith("rest-") and op.http["method"] not in ("GET", "DELETE"):
                continue  # a URL has no room for a body
            params = Minimal(fixed_of(service)).value(op.input_shape, "") if op.input_shape else {}
            out.append(writer.presign(op, params, {"service": service, "operation": op.name, "shape": "presigned"}))
    return out


def some(model):
    """A reading and a changing operation, where there are both."""
    ops = [model.operation_model(n) for n in model.operation_names]
    reads = [op for op in ops if op.name.startswith(("Get", "List", "Describe"))]
    return reads[:1] + [op for op in ops if op not in reads][:1]


def two(client, service, shape):
    names = {op.name for op in some(client.meta.service_model)}
    return [dict(r, shape=shape) for r in rows_of(client, service, False, names)]


def job(task):
    kind, name = task
    if kind == "s3":
        rows = shapes_of_s3.rows(name, new_session(), Writer, config)
    else:
        rows = one_service(kind, name)
    return "".join(json.dumps(dict(r, kind=kind)) + "\n" for r in rows)


def main(kind, names):
    if kind == "s3":
        names = shapes_of_s3.names()
    elif not names:
        names = new_session().get_available_services()
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for lines in pool.imap(job, [(kind, n) for n in names]):
            sys.stdout.write(lines)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
