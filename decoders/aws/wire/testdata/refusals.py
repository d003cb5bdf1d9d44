"""Parses refusals with botocore's own response parsers. Reads JSON objects, one a
line: protocol, status, headers, body (base64). Writes what a caller would see."""

import base64
import json
import sys

from botocore.awsrequest import HeadersDict
from botocore.exceptions import ClientError
from botocore.parsers import create_parser

for line in sys.stdin:
    sample = json.loads(line)
    headers = HeadersDict()
    for name, value in sample["headers"].items():
        headers[name] = value
    parsed = create_parser(sample["protocol"]).parse(
        {"status_code": sample["status"], "headers": headers, "body": base64.b64decode(sample["body"])}, None
    )
    error = ClientError(parsed, "Operation")
    meta = error.response["ResponseMetadata"]
    print(json.dumps({
        "code": error.response["Error"]["Code"],
        "message": error.response["Error"]["Message"],
        "request_id": meta.get("RequestId", ""),
        "status": meta["HTTPStatusCode"],
        "decision": meta["HTTPHeaders"].get("x-assent-decision", ""),
        "spoken": meta["HTTPHeaders"].get("x-assent-message", ""),
        "text": str(error),
    }))
