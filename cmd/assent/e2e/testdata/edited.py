"""Changes, at the endpoint itself, what built.py made, and prints as JSON what was
changed: the ARN, the field, and the event that CloudTrail would have of it.

    edited.py ENDPOINT MADE noise | edits
"""
import datetime
import json
import sys

import boto3

endpoint, made, what = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
session = boto3.session.Session(region_name="us-east-1")
clients = {}


def c(name):
    if name not in clients:
        clients[name] = session.client(name, endpoint_url=endpoint)
    return clients[name]


end = lambda name: made[name].replace(":", "/").split("/")[-1]
out, events = [], []


def edit(name, field, service, operation, **params):
    """Makes one call, and notes which field of which thing it changes."""
    getattr(c(service), operation)(**params)
    called = c(service).meta.method_to_api_mapping[operation]
    out.append([made[name], field])
    events.append({"eventID": f"event-{len(events)}", "eventTime": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "eventSource": f"{service}.amazonaws.com", "eventName": called,
                   "awsRegion": "us-east-1", "recipientAccountId": "123456789012", "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/mallory"},
                   "requestParameters": json.loads(json.dumps(params, default=str)), "readOnly": False})


def allow(principal, action, resource=None):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": resource} if resource else statement]})


if what == "noise":  # nothing of this is a change of what was built
    e = c("ec2")
    other = e.create_subnet(VpcId=end("vpc"), CidrBlock="10.1.9.0/24")["Subnet"]["SubnetId"]
    e.run_instances(ImageId=e.describe_images(Owners=["amazon"])["Images"][0]["ImageId"], MinCount=1, MaxCount=1, SubnetId=end("subnet"))
    c("sqs").send_message(QueueUrl=c("sqs").get_queue_url(QueueName="orders")["QueueUrl"], MessageBody="hello")
    c("dynamodb").put_item(TableName="carts", Item={"id": {"S": "1"}})
    c("s3").put_object(Bucket=end("bucket").split(":")[-1], Key="k", Body=b"v")
    c("logs").create_log_stream(logGroupName="/shop/app", logStreamName="s")
    c("iam").create_role(RoleName="other", AssumeRolePolicyDocument=allow({"Service": "ec2.amazonaws.com"}, "sts:AssumeRole"))
    c("iam").attach_role_policy(RoleName="other", PolicyArn=made["policy"])
    c("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
else:
    bucket = made["bucket"].split(":")[-1]
    queue = c("sqs").get_queue_url(QueueName="orders")["QueueUrl"]
    gateway = c("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    c("ec2").attach_internet_gateway(InternetGatewayId=gateway, VpcId=end("vpc"))
    tag = [{"Key": "team", "Value": "mallory"}]
    edit("vpc", "tags.team", "ec2", "create_tags", Resources=[end("vpc")], Tags=tag)
    edit("vpc", "CidrBlockAssociationSet", "ec2", "associate_vpc_cidr_block", VpcId=end("vpc"), CidrBlock="10.2.0.0/16")
    edit("subnet", "MapPublicIpOnLaunch", "ec2", "modify_subnet_attribute", SubnetId=end("subnet"), MapPublicIpOnLaunch={"Value": True})
    edit("subnet", "tags.team", "ec2", "delete_tags", Resources=[end("subnet")], Tags=[{"Key": "team"}])
    edit("group", "IpPermissions", "ec2", "authorize_security_group_ingress", GroupId=end("group"), IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    edit("group", "IpPermissionsEgress", "ec2", "revoke_security_group_egress", GroupId=end("group"), IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    edit("routes", "Routes", "ec2", "create_route", RouteTableId=end("routes"), DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    edit("routes", "tags.owner", "ec2", "create_tags", Resources=[end("routes")], Tags=[{"Key": "owner", "Value": "mallory"}])
    edit("instance", "tags.team", "ec2", "create_tags", Resources=[end("instance")], Tags=tag)
    c("ec2").stop_instances(InstanceIds=[end("instance")])
    edit("instance", "InstanceType", "ec2", "modify_instance_attribute", InstanceId=end("instance"), InstanceType={"Value": "m5.large"})
    edit("volume", "", "ec2", "delete_volume", VolumeId=end("volume"))
    edit("queue", "queueattribute.Attributes.VisibilityTimeout", "sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"VisibilityTimeout": "99"})
    edit("queue", "queueattribute.Attributes.Policy", "sqs", "set_queue_attributes", QueueUrl=queue, Attributes={"Policy": allow("*", "sqs:*", made["queue"])})
    edit("queue", "tags.team", "sqs", "tag_queue", QueueUrl=queue, Tags={"team": "mallory"})
    edit("topic", "topicattribute.Attributes.DisplayName", "sns", "set_topic_attributes", TopicArn=made["topic"], AttributeName="DisplayName", AttributeValue="x")
    edit("topic", "Subscriptions", "sns", "subscribe", TopicArn=made["topic"], Protocol="https", Endpoint="https://mallory.example.com/")
    edit("table", "DeletionProtectionEnabled", "dynamodb", "update_table", TableName="carts", DeletionProtectionEnabled=True)
    edit("table", "tags.team", "dynamodb", "tag_resource", ResourceArn=made["table"], Tags=tag)
    edit("bucket", "bucketpolicy", "s3", "put_bucket_policy", Bucket=bucket, Policy=allow("*", "s3:GetObject", made["bucket"] + "/*"))
    edit("bucket", "bucketversioning", "s3", "put_bucket_versioning", Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    edit("bucket", "tags.team", "s3", "put_bucket_tagging", Bucket=bucket, Tagging={"TagSet": tag})
    edit("key", "keypolicy", "kms", "put_key_policy", KeyId=end("key"), PolicyName="default", Policy=allow({"AWS": "*"}, "kms:*", "*"))
    edit("key", "keyrotationstatus", "kms", "enable_key_rotation", KeyId=end("key"))
    edit("role", "AssumeRolePolicyDocument", "iam", "update_assume_role_policy", RoleName="fn", PolicyDocument=allow({"AWS": "*"}, "sts:AssumeRole"))
    edit("role", "AttachedManagedPolicies", "iam", "attach_role_policy", RoleName="fn", PolicyArn=made["policy"])
    edit("role", "RolePolicyList", "iam", "put_role_policy", RoleName="fn", PolicyName="more", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    edit("policy", "PolicyVersionList", "iam", "create_policy_version", PolicyArn=made["policy"], SetAsDefault=True, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    edit("function", "MemorySize", "lambda", "update_function_configuration", FunctionName="mailer", MemorySize=512)
    edit("function", "Timeout", "lambda", "update_function_configuration", FunctionName="mailer", Timeout=30)
    edit("db", "BackupRetentionPeriod", "rds", "modify_db_instance", DBInstanceIdentifier="shop", BackupRetentionPeriod=0, ApplyImmediately=True)
    edit("db", "DeletionProtection", "rds", "modify_db_instance", DBInstanceIdentifier="shop", DeletionProtection=True, ApplyImmediately=True)
    edit("targets", "HealthCheckPath", "elbv2", "modify_target_group", TargetGroupArn=made["targets"], HealthCheckPath="/other")
    edit("logs", "retentionInDays", "logs", "put_retention_policy", logGroupName="/shop/app", retentionInDays=1)
    c("autoscaling").set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
print(json.dumps({"edits": out, "events": {"Records": events}}))
