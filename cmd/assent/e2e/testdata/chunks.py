"""Uploads an object in signed chunks (STREAMING-AWS4-HMAC-SHA256-PAYLOAD), as older SDKs and MinIO's do, and uses presigned
URLs; botocore does neither by itself over TLS. With "forged" the second chunk is not what was signed."""
import hashlib
import hmac
import os
import sys
import urllib.error
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest

FORGED = len(sys.argv) > 1
session = boto3.Session()
creds = session.get_credentials().get_frozen_credentials()


class Chunked(botocore.auth.S3SigV4Auth):
    def payload(self, request):
        return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


data, size = os.urandom(150_000), 65536
parts = [data[i : i + size] for i in range(0, len(data), size)] + [b""]
length = sum(len(f"{len(p):x}") + 85 + len(p) + 4 for p in parts) - 0
request = botocore.awsrequest.AWSRequest(
    "PUT", "https://acme.s3.us-east-1.amazonaws.com/chunked%20object", headers={"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(data))}
)
auth = Chunked(creds, "s3", "us-east-1")
auth.add_auth(request)
headers = dict(request.headers.items())
signature = headers["Authorization"].rsplit("Signature=", 1)[1]
date = headers["X-Amz-Date"]
scope = f"{date[:8]}/us-east-1/s3/aws4_request"
key = mac(mac(mac(mac(("AWS4" + creds.secret_key).encode(), date[:8]), "us-east-1"), "s3"), "aws4_request")
body = b""
for n, part in enumerate(parts):
    text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", date, scope, signature, hashlib.sha256(b"").hexdigest(), hashlib.sha256(part).hexdigest()])
    signature = mac(key, text).hex()
    if FORGED and n == 1:
        part = b"forged" + part[6:]
    body += f"{len(part):x};chunk-signature={signature}\r\n".encode() + part + b"\r\n"


def send(method, url, body=None, headers={}):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers, method=method), timeout=60) as r:
            return r.status
    except urllib.error.HTTPError as e:
        print(e.read().decode())
        return e.code


calls = [send("PUT", request.url, body, headers)]
s3 = session.client("s3", region_name="us-east-1", config=boto3.session.Config(signature_version="s3v4", s3={"addressing_style": "virtual"}))
if not FORGED:
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "acme", "Key": "a b/ü+%2F"}, ExpiresIn=60)
    calls.append(send("PUT", url, b"hello"))
    calls.append(send("GET", s3.generate_presigned_url("get_object", Params={"Bucket": "acme", "Key": "a b"}, ExpiresIn=60)))
bad = sum(status != 200 for status in calls)
print(f"{len(calls)} signed calls, {bad} mismatches")
sys.exit(1 if bad else 0)
