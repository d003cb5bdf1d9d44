"""Makes an undeclared call in each protocol; each must end in one request and a typed error."""
import boto3
from botocore.exceptions import ClientError

cases = [
    ("query", "iam", "create_user", dict(UserName="mallory")),
    ("query", "sns", "delete_topic", dict(TopicArn="arn:aws:sns:us-east-1:123456789012:news")),
    ("ec2", "ec2", "create_vpc", dict(CidrBlock="10.0.0.0/16")),
    ("json 1.1", "kms", "create_key", {}),
    ("json 1.0", "sqs", "create_queue", dict(QueueName="orders")),
    ("rest-json", "lambda", "delete_function", dict(FunctionName="checkout")),
    ("rest-xml", "route53", "delete_hosted_zone", dict(Id="Z1")),
    ("rest-xml s3", "s3", "delete_bucket", dict(Bucket="acme-reports")),
    ("rest-xml s3 upload", "s3", "put_object", dict(Bucket="elsewhere", Key="k", Body=b"x" * 100000)),
    ("json of a cbor service", "arc-region-switch", "delete_plan", dict(arn="arn:aws:arc-region-switch::123456789012:plan/demo:abc123")),
    ("json of a cbor service", "gamelift", "delete_fleet", dict(FleetId="fleet-2222bbbb-33cc-44dd-55ee-6666ffff77aa")),
]
bad = 0
for protocol, service, operation, kwargs in cases:
    client = boto3.client(service)
    sent = []
    client.meta.events.register("before-send.*", lambda **kw: sent.append(1) and None)
    try:
        getattr(client, operation)(**kwargs)
        print("NOT REFUSED", protocol, service, operation)
        bad += 1
        continue
    except ClientError as e:
        error, meta = e.response["Error"], e.response["ResponseMetadata"]
        problems = []
        if error["Code"] != "AssentDenied":
            problems.append(f"code {error['Code']}")
        if not error["Message"].startswith("assent refused this call: "):
            problems.append(f"message {error['Message']!r}")
        if len(error["Message"]) > 400 or "\n" in error["Message"]:
            problems.append(f"message of {len(error['Message'])} characters")
        if not str(meta.get("RequestId", "")).startswith("dec_"):
            problems.append(f"request id {meta.get('RequestId')!r}")
        if meta["HTTPStatusCode"] != 403:
            problems.append(f"status {meta['HTTPStatusCode']}")
        if len(sent) != 1 or meta.get("RetryAttempts"):
            problems.append(f"{len(sent)} requests")
        if problems:
            bad += 1
        print(protocol, service, operation, "; ".join(problems) or "ok")
if bad:
    raise SystemExit(1)
print("all refusals are typed")
