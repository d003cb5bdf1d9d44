"""Puts and deletes objects with the keys that break naive proxies; counts signature mismatches."""
import boto3
from botocore.exceptions import ClientError

KEYS = ["plain", "ü/€", "a%2Fb", "d//e", "../x", "a/./b", "~x!*()'", "a[1]{x}", "sp ace+plus", "folder/", "q?a=b&c", "#hash", "\\back^`|"]
s3 = boto3.client("s3")
mismatches = 0
for key in KEYS:
    for call in (
        lambda: s3.put_object(Bucket="acme", Key=key, Body=b"x" * 1000, Metadata={"name": "a  b"}),
        lambda: s3.delete_object(Bucket="acme", Key=key),
        lambda: s3.put_object_tagging(Bucket="acme", Key=key, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]}),
    ):
        try:
            call()
        except ClientError as e:
            print(repr(key), e)
            mismatches += 1
print(f"{3 * len(KEYS)} signed calls, {mismatches} mismatches")
raise SystemExit(1 if mismatches else 0)
