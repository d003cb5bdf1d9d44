"""Writes requests with botocore's own serializers, and the parameters they were
made of, one JSON object a line. Parameters come from the shapes, the same every
time. Usage: roundtrip.py STEP: every STEPth operation of all AWS services, in
every protocol that its service lists. With a second argument, "answers": answers
to these operations instead of requests, as their services write them."""

import base64
import json
import os
import sys
from urllib.parse import urlencode
from xml.etree import ElementTree

import botocore.session
from botocore.awsrequest import prepare_request_dict
from botocore.serialize import JSONSerializer, RestXMLSerializer, create_serializer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../testdata"))
from values import Generator


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


class AnswerXML(RestXMLSerializer):
    """Writes answers: a flattened list is named by its items, where they have a name."""

    def _serialize_type_list(self, xmlnode, params, shape, name):
        if shape.serialization.get("flattened"):
            name = shape.member.serialization.get("name", name)
        super()._serialize_type_list(xmlnode, params, shape, name)


def answer(protocol, op):
    """Gives headers, body and what they say, of an answer to the operation."""
    shape = op.output_shape
    params, want = Generator().value(shape, "body")
    rest = protocol.startswith("rest-")
    payload = shape.serialization.get("payload")
    headers, body, inside = {}, b"", dict(params)
    codec = AnswerXML()
    for name, member in shape.members.items():
        at = member.serialization.get("location")
        if not rest or at is None or name not in params:
            continue
        value = inside.pop(name)
        if at == "header":
            headers[member.serialization.get("name", name)] = codec._convert_header_value(member, value)
        elif at == "headers":
            codec._do_serialize_header_map(member.serialization.get("name", ""), headers, value)
        else:
            del want[name]
    target = shape
    if rest and payload:
        target = shape.members[payload]
        if payload not in inside:
            return headers, body, want
        inside = inside[payload]
        if target.type_name in ("blob", "string"):
            if target.serialization.get("streaming"):
                del want[payload]
            return headers, inside if isinstance(inside, bytes) else inside.encode(), want
    if protocol in ("json", "rest-json"):
        made = {}
        if target is shape:
            JSONSerializer()._serialize(made, inside, target)
        else:
            JSONSerializer()._serialize(made, inside, target, "x")
            made = made["x"]
        body = json.dumps(made).encode()
    elif protocol == "smithy-rpc-v2-cbor":
        made = bytearray()
        serializer = create_serializer(protocol, include_validation=False)
        serializer._serialize_data_item(made, inside, target)
        body = bytes(made)
    else:
        wrap = shape.serialization.get("resultWrapper") if protocol == "query" else None
        root = ElementTree.Element(op.name + "Response", {"xmlns": "http://service.test/doc/"})
        name = wrap or target.serialization.get("name", target.name)
        codec._serialize_type_structure(root, inside, target, name)
        if not wrap:
            if protocol == "ec2":
                root = list(root)[0]
                ElementTree.SubElement(root, "requestId").text = "r"
            else:
                root = list(root)[0]
        body = ElementTree.tostring(root, encoding="utf-8")
    return headers, body, want


def main(step, answers):
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
                if answers:
                    if op.output_shape is None or op.has_event_stream_output:
                        continue
                    headers, body, want = answer(protocol, op)
                    print(json.dumps({
                        "service": service, "operation": name, "protocol": protocol, "want": want,
                        "headers": headers, "body": base64.b64encode(body).decode(),
                    }))
                    continue
                params, want = {}, {}
                if op.input_shape is not None:
                    params, want = Generator().value(op.input_shape, "body")
                sent = serializer.serialize_to_request(params, op)
                prepare_request_dict(sent, "https://host.test")
                body, headers = sent["body"], sent["headers"]
                if isinstance(body, dict):
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
    main(int(sys.argv[1]), sys.argv[2:] == ["answers"])
