"""Signed calls in every protocol that boto3 speaks to moto; counts signature mismatches."""
import io
import zipfile

import boto3
from botocore.exceptions import ClientError

calls = mismatches = 0


def call(f, *args, **kwargs):
    global calls, mismatches
    calls += 1
    try:
        return f(*args, **kwargs)
    except ClientError as e:
        code = e.response["Error"]["Code"]
        print("call", calls, code, e)
        if code in ("SignatureDoesNotMatch", "AuthFailure", "InvalidSignatureException", "IncompleteSignature"):
            mismatches += 1
        else:
            raise


s3 = boto3.client("s3")
call(s3.create_bucket, Bucket="acme-signed")
for key in ["plain", "d//e", "folder/"]:  # moto cannot check odder ones: see keys.py
    call(s3.put_object, Bucket="acme-signed", Key=key, Body=b"hello " + key.encode())
    got = call(s3.get_object, Bucket="acme-signed", Key=key)
    assert got["Body"].read() == b"hello " + key.encode(), key
upload = call(s3.create_multipart_upload, Bucket="acme-signed", Key="big")["UploadId"]
parts = []
for n in (1, 2, 3, 4):  # 20 MB
    body = bytes([n]) * (5 * 1024 * 1024)
    etag = call(s3.upload_part, Bucket="acme-signed", Key="big", UploadId=upload, PartNumber=n, Body=body)["ETag"]
    parts.append({"ETag": etag, "PartNumber": n})
call(s3.complete_multipart_upload, Bucket="acme-signed", Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
call(s3.delete_objects, Bucket="acme-signed", Delete={"Objects": [{"Key": "plain"}, {"Key": "d//e"}]})

ec2 = boto3.client("ec2")
vpc = call(ec2.create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
call(ec2.create_tags, Resources=[vpc], Tags=[{"Key": "näme", "Value": "a b+c%2F"}])
sqs = boto3.client("sqs")
queue = call(sqs.create_queue, QueueName="orders")["QueueUrl"]
call(sqs.send_message, QueueUrl=queue, MessageBody="é & <b>")
ddb = boto3.client("dynamodb")
call(
    ddb.create_table, TableName="orders", BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
)
call(ddb.put_item, TableName="orders", Item={"id": {"S": "ü"}})
role = call(boto3.client("iam").create_role, RoleName="worker", AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')["Role"]["Arn"]
code = io.BytesIO()
with zipfile.ZipFile(code, "w") as z:
    z.writestr("main.py", "def handler(event, context): pass\n")
call(
    boto3.client("lambda").create_function, FunctionName="worker", Runtime="python3.12", Role=role, Handler="main.handler",
    Code={"ZipFile": code.getvalue()},
)
sns = boto3.client("sns")
call(sns.create_topic, Name="news")
r53 = boto3.client("route53")
call(r53.create_hosted_zone, Name="shop.example", CallerReference="1")
call(boto3.client("sts").get_caller_identity)
print(f"{calls} signed calls, {mismatches} mismatches")
raise SystemExit(1 if mismatches else 0)
