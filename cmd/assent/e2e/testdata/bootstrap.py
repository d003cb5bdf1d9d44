"""Makes, in the calls that moto lets pass unchecked, a user who may do everything;
prints its access key id and secret."""
import sys

import boto3

iam = boto3.client("iam", endpoint_url=sys.argv[1], region_name="us-east-1")
iam.create_user(UserName="tester")
iam.put_user_policy(
    UserName="tester",
    PolicyName="everything",
    PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
)
key = iam.create_access_key(UserName="tester")["AccessKey"]
boto3.client(
    "sts", endpoint_url=sys.argv[1], region_name="us-east-1",
    aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
).get_caller_identity()
print(key["AccessKeyId"], key["SecretAccessKey"])
