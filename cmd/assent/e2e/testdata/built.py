"""Seventeen creations, and a scaling group with its template, at whatever the
environment leads to; prints their ARNs as JSON.

    built.py
"""
import io
import json
import zipfile

import boto3

REGION = "us-east-1"
session = boto3.session.Session(region_name=REGION)
ACCOUNT = session.client("sts").get_caller_identity()["Account"]
c = lambda name: session.client(name)
arn = lambda service, rest, region=REGION, account=ACCOUNT: f"arn:aws:{service}:{region}:{account}:{rest}"
made = {}
tags = lambda kind: [{"ResourceType": kind, "Tags": [{"Key": "team", "Value": "shop"}]}]
b = io.BytesIO()
with zipfile.ZipFile(b, "w") as z:
    z.writestr("index.py", "def handler(e, c): return 1")
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]})

e = c("ec2")
vpc = e.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=tags("vpc"))["Vpc"]["VpcId"]
made["vpc"] = arn("ec2", f"vpc/{vpc}")
subnet = e.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24", AvailabilityZone=REGION + "a", TagSpecifications=tags("subnet"))["Subnet"]["SubnetId"]
made["subnet"] = arn("ec2", f"subnet/{subnet}")
group = e.create_security_group(GroupName="web", Description="web", VpcId=vpc, TagSpecifications=tags("security-group"))["GroupId"]
made["group"] = arn("ec2", f"security-group/{group}")
table = e.create_route_table(VpcId=vpc, TagSpecifications=tags("route-table"))["RouteTable"]["RouteTableId"]
made["routes"] = arn("ec2", f"route-table/{table}")
image = e.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
instance = e.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro", SubnetId=subnet, SecurityGroupIds=[group], TagSpecifications=tags("instance"))["Instances"][0]["InstanceId"]
made["instance"] = arn("ec2", f"instance/{instance}")
made["volume"] = arn("ec2", "volume/" + e.create_volume(AvailabilityZone=REGION + "a", Size=8, TagSpecifications=tags("volume"))["VolumeId"])
c("sqs").create_queue(QueueName="orders", tags={"team": "shop"})
made["queue"] = arn("sqs", "orders")
made["topic"] = c("sns").create_topic(Name="alerts")["TopicArn"]
c("dynamodb").create_table(TableName="carts", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
made["table"] = arn("dynamodb", "table/carts")
c("s3").create_bucket(Bucket=f"shop-{ACCOUNT}")
made["bucket"] = f"arn:aws:s3:::shop-{ACCOUNT}"
made["key"] = c("kms").create_key(Description="data")["KeyMetadata"]["Arn"]
made["role"] = c("iam").create_role(RoleName="fn", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
made["policy"] = c("iam").create_policy(PolicyName="shop", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
c("lambda").create_function(FunctionName="mailer", Runtime="python3.12", Role=made["role"], Handler="index.handler", Code={"ZipFile": b.getvalue()})
made["function"] = arn("lambda", "function:mailer")
c("rds").create_db_instance(DBInstanceIdentifier="shop", Engine="postgres", DBInstanceClass="db.t3.micro", AllocatedStorage=20, MasterUsername="u", MasterUserPassword="hunter2-never-kept")
made["db"] = arn("rds", "db:shop")
made["targets"] = c("elbv2").create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
c("logs").create_log_group(logGroupName="/shop/app")
made["logs"] = arn("logs", "log-group:/shop/app")
template = e.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro"})["LaunchTemplate"]["LaunchTemplateId"]
made["template"] = arn("ec2", f"launch-template/{template}")
c("autoscaling").create_auto_scaling_group(AutoScalingGroupName="web", MinSize=0, MaxSize=4, DesiredCapacity=1, LaunchTemplate={"LaunchTemplateId": template, "Version": "$Default"}, VPCZoneIdentifier=subnet)
made["scaling"] = c("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"][0]["AutoScalingGroupARN"]
print(json.dumps(made))
