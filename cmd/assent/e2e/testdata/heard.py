"""What a test of events needs at moto.

    heard.py make                    a security group, wherever the environment leads; prints its ARN
    heard.py queue ENDPOINT          a queue for events; prints its ARN
    heard.py edit ENDPOINT ARN       opens the group at the endpoint itself, and sends to the queue
                                     what no EventBridge would, and the event of the change
    heard.py left ENDPOINT           how many messages the queue has, hidden ones too
"""
import datetime
import json
import sys

import boto3

REGION, ACCOUNT, QUEUE = "us-east-1", "123456789012", "assent-events"
what = sys.argv[1]
endpoint = sys.argv[2] if len(sys.argv) > 2 else None
session = boto3.session.Session(region_name=REGION)
client = lambda name: session.client(name, endpoint_url=endpoint)

if what == "make":
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    print(f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/" + ec2.create_security_group(GroupName="heard", Description="heard", VpcId=vpc)["GroupId"])
elif what == "queue":
    client("sqs").create_queue(QueueName=QUEUE)
    print(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}")
elif what == "edit":
    group = sys.argv[3].split("/")[-1]
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    detail = {"eventID": "heard-1", "eventTime": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "eventSource": "ec2.amazonaws.com",
              "eventName": "AuthorizeSecurityGroupIngress", "awsRegion": REGION, "recipientAccountId": ACCOUNT, "requestID": "not-one-of-ours", "readOnly": False,
              "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/mallory"},
              # what it says of the group is not so, and is not believed
              "requestParameters": {"groupId": group, "ipPermissions": {"items": [{"ipProtocol": "udp", "fromPort": 53, "toPort": 53}]}}}
    event = {"version": "0", "id": "e-1", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "account": ACCOUNT, "region": REGION, "detail": detail}
    sqs = client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    for body in ("this is no event", json.dumps({"detail": {"eventName": "Half"}}), json.dumps(event)):
        sqs.send_message(QueueUrl=url, MessageBody=body)
elif what == "left":
    sqs = client("sqs")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    got = sqs.get_queue_attributes(QueueUrl=sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"], AttributeNames=names)["Attributes"]
    print(sum(int(got[n]) for n in names))
