"""Destroys everything, one harmless call at a time, as a confused agent does; says what is left."""
import boto3
from botocore.exceptions import ClientError

s3 = boto3.client("s3")
deleted, refused = 0, ""
for bucket in s3.list_buckets()["Buckets"]:
    try:
        s3.delete_bucket(Bucket=bucket["Name"])
        deleted += 1
    except ClientError as e:
        refused = e.response["Error"]["Message"]
print(deleted, "deleted,", len(s3.list_buckets()["Buckets"]), "left")
print(refused)
