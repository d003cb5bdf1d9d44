"""Destroys everything, one harmless call at a time, as a confused agent does; says what is left."""
import boto3
from botocore.exceptions import ClientError

s3, ec2 = boto3.client("s3"), boto3.client("ec2")


def buckets():
    return [b["Name"] for b in s3.list_buckets()["Buckets"]]


def backups():
    return [s["SnapshotId"] for s in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] if s["Description"] == "nightly"]


deleted, refused = 0, {}
todo = [("bucket", lambda n=n: s3.delete_bucket(Bucket=n)) for n in buckets()]
todo += [("backup", lambda i=i: ec2.delete_snapshot(SnapshotId=i)) for i in backups()]
for what, delete in todo[::7] + [t for n, t in enumerate(todo) if n % 7]:
    try:
        delete()
        deleted += 1
    except ClientError as e:
        refused[what] = e.response["Error"]["Message"]
print(len(todo), "tried,", deleted, "deleted,", len(buckets()), "buckets and", len(backups()), "backups left")
print(refused)
