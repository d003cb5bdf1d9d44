"""Builds an estate with boto3 at whatever the environment leads to, and prints, as
JSON, what it made and what depends on what: the relations are listed by hand, here,
as each thing is made.

    estate.py
"""
import io
import json
import zipfile

import boto3

REGION = "us-east-1"
session = boto3.session.Session(region_name=REGION)
ACCOUNT = session.client("sts").get_caller_identity()["Account"]
clients = {}
made, relations = {}, []


def client(name):
    if name not in clients:
        clients[name] = session.client(name)
    return clients[name]


def arn(service, rest, region=REGION, account=ACCOUNT):
    return f"arn:aws:{service}:{region}:{account}:{rest}"


def ec2(kind, id):
    return arn("ec2", f"{kind}/{id}")


def make(name, urn, *needs):
    """Notes a thing and what it needs."""
    made[name] = urn
    for other in needs:
        relations.append([urn, made[other]])
    return urn


def needs(name, *others):
    for other in others:
        relations.append([made[name], made[other]])


def tags(kind, name):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}, {"Key": "team", "Value": "shop"}]}]


def archive():
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        z.writestr("index.py", "def handler(e, c): return 1")
    return b.getvalue()


e = client("ec2")
kms = client("kms")
iam = client("iam")

# keys
for name in ("data", "logs"):
    key = kms.create_key(Description=name)["KeyMetadata"]
    make("key-" + name, key["Arn"])
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key["KeyId"])
    make("alias-" + name, arn("kms", f"alias/{name}"), "key-" + name)
KEY = made["key-data"]

# network: one VPC, three zones
vpc = e.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags("vpc", "shop"))["Vpc"]["VpcId"]
make("vpc", ec2("vpc", vpc))
igw = e.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
e.attach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
make("igw", ec2("internet-gateway", igw), "vpc")
subnets = {}
for i, zone in enumerate("abc"):
    for j, layer in enumerate(("public", "private")):
        s = e.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i * 2 + j}.0/24", AvailabilityZone=REGION + zone, TagSpecifications=tags("subnet", f"{layer}-{zone}"))["Subnet"]["SubnetId"]
        subnets[layer + zone] = s
        make("subnet-" + layer + zone, ec2("subnet", s), "vpc")
eip = e.allocate_address(Domain="vpc")["AllocationId"]
make("eip", ec2("elastic-ip", eip))
nat = e.create_nat_gateway(SubnetId=subnets["publica"], AllocationId=eip)["NatGateway"]["NatGatewayId"]
make("nat", ec2("natgateway", nat), "subnet-publica", "vpc", "eip")
for layer, via in (("public", "igw"), ("private", "nat")):
    table = e.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    if via == "igw":
        e.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=igw)
    else:
        e.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    make("routes-" + layer, ec2("route-table", table), "vpc", via)
    for zone in "abc":
        e.associate_route_table(RouteTableId=table, SubnetId=subnets[layer + zone])
        needs("subnet-" + layer + zone, "routes-" + layer)
groups = {}
for name in ("lb", "web", "db", "cache", "fn"):
    g = e.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    groups[name] = g
    make("sg-" + name, ec2("security-group", g), "vpc")
for name, source in (("web", "lb"), ("db", "web"), ("cache", "web")):
    e.authorize_security_group_ingress(GroupId=groups[name], IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": groups[source]}]}])
    needs("sg-" + name, "sg-" + source)
e.authorize_security_group_ingress(GroupId=groups["db"], IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": groups["fn"]}]}])
needs("sg-db", "sg-fn")

# identities
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
sqs = client("sqs")
for name in ("orders-dlq", "orders", "mail"):
    attributes = {"KmsMasterKeyId": KEY}
    if name == "orders":
        attributes["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": made["queue-orders-dlq"], "maxReceiveCount": 3})
    sqs.create_queue(QueueName=name, Attributes=attributes)
    make("queue-" + name, arn("sqs", name), "key-data")
needs("queue-orders", "queue-orders-dlq")
s3 = client("s3")
for name in ("shop-assets", "shop-logs"):
    bucket = f"{name}-{ACCOUNT}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}}]})
    make("bucket-" + name, f"arn:aws:s3:::{bucket}", "key-data")
ddb = client("dynamodb")
for name in ("carts", "orders"):
    ddb.create_table(TableName=name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                     BillingMode="PAY_PER_REQUEST", SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY})
    make("table-" + name, arn("dynamodb", f"table/{name}"), "key-data")
policy = iam.create_policy(PolicyName="shop-data", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["sqs:*"], "Resource": [made["queue-orders"], made["queue-mail"]]},
    {"Effect": "Allow", "Action": ["dynamodb:*"], "Resource": [made["table-carts"]]},
    {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [made["bucket-shop-assets"] + "/*"]}]}))["Policy"]["Arn"]
make("policy", policy, "queue-orders", "queue-mail", "table-carts", "bucket-shop-assets")
for name in ("web", "fn", "batch"):
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.attach_role_policy(RoleName=name, PolicyArn=policy)
    make("role-" + name, arn("iam", f"role/{name}", region=""), "policy")
iam.create_instance_profile(InstanceProfileName="web-profile")
iam.add_role_to_instance_profile(InstanceProfileName="web-profile", RoleName="web")
make("profile", arn("iam", "instance-profile/web-profile", region=""), "role-web")

# machines
image = e.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
for i, zone in enumerate("abc"):
    run = e.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro", SubnetId=subnets["private" + zone], SecurityGroupIds=[groups["web"]],
                          IamInstanceProfile={"Name": "web-profile"}, TagSpecifications=tags("instance", f"web-{zone}"))["Instances"][0]
    name = "instance-" + zone
    make(name, ec2("instance", run["InstanceId"]), "subnet-private" + zone, "vpc", "sg-web", "profile")
    eni = run["NetworkInterfaces"][0]["NetworkInterfaceId"]
    make("eni-" + zone, ec2("network-interface", eni), "subnet-private" + zone, "vpc", "sg-web")
    volume = e.create_volume(AvailabilityZone=REGION + zone, Size=8, Encrypted=True, KmsKeyId=KEY)["VolumeId"]
    e.attach_volume(VolumeId=volume, InstanceId=run["InstanceId"], Device="/dev/sdf")
    make("volume-" + zone, ec2("volume", volume), "key-data")
    needs(name, "volume-" + zone)
make("volume-free", ec2("volume", e.create_volume(AvailabilityZone=REGION + "a", Size=1)["VolumeId"]))
template = e.create_launch_template(LaunchTemplateName="batch", LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro", "SecurityGroupIds": [groups["web"]], "IamInstanceProfile": {"Arn": made["profile"]}})["LaunchTemplate"]["LaunchTemplateId"]
make("template", ec2("launch-template", template), "sg-web", "profile")

# load balancer
elb = client("elbv2")
lb = elb.create_load_balancer(Name="shop", Subnets=[subnets["public" + z] for z in "abc"], SecurityGroups=[groups["lb"]], Type="application")["LoadBalancers"][0]
make("lb", lb["LoadBalancerArn"], "vpc", "sg-lb", *["subnet-public" + z for z in "abc"])
for name in ("web", "batch"):
    tg = elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    make("targets-" + name, tg, "vpc")
elb.register_targets(TargetGroupArn=made["targets-web"], Targets=[{"Id": made["instance-" + z].split("/")[-1]} for z in "abc"])
needs("targets-web", *["instance-" + z for z in "abc"])
listener = elb.create_listener(LoadBalancerArn=made["lb"], Protocol="HTTP", Port=80, DefaultActions=[{"Type": "forward", "TargetGroupArn": made["targets-web"]}])["Listeners"][0]["ListenerArn"]
# A load balancer hands on through its listener: it is the listener that lives on it.
make("listener", listener, "lb", "targets-web")
elb.create_rule(ListenerArn=listener, Priority=10, Conditions=[{"Field": "path-pattern", "Values": ["/batch/*"]}], Actions=[{"Type": "forward", "TargetGroupArn": made["targets-batch"]}])
rule = [r for r in elb.describe_rules(ListenerArn=listener)["Rules"] if not r["IsDefault"]][0]["RuleArn"]
make("rule", rule, "targets-batch")
asg = client("autoscaling")
asg.create_auto_scaling_group(AutoScalingGroupName="batch", MinSize=0, MaxSize=4, DesiredCapacity=2, LaunchTemplate={"LaunchTemplateId": template, "Version": "$Default"},
                              VPCZoneIdentifier=",".join(subnets["private" + z] for z in "abc"), TargetGroupARNs=[made["targets-batch"]])
group = asg.describe_auto_scaling_groups(AutoScalingGroupNames=["batch"])["AutoScalingGroups"][0]
make("asg", group["AutoScalingGroupARN"], "template", *["subnet-private" + z for z in "abc"])
needs("targets-batch", "asg")
for i, instance in enumerate(group["Instances"]):
    make(f"member-{i}", ec2("instance", instance["InstanceId"]), "asg", "vpc")

# databases
rds = client("rds")
rds.create_db_subnet_group(DBSubnetGroupName="shop", DBSubnetGroupDescription="shop", SubnetIds=[subnets["private" + z] for z in "abc"])
make("db-subnets", arn("rds", "subgrp:shop"), "vpc", *["subnet-private" + z for z in "abc"])
for name in ("shop-db", "stats-db"):
    rds.create_db_instance(DBInstanceIdentifier=name, Engine="postgres", DBInstanceClass="db.t3.micro", AllocatedStorage=20, MasterUsername="u", MasterUserPassword="hunter2-never-kept",
                           DBSubnetGroupName="shop", VpcSecurityGroupIds=[groups["db"]], StorageEncrypted=True, KmsKeyId=KEY)
    make(name, arn("rds", f"db:{name}"), "db-subnets", "sg-db", "key-data")

# functions
fn = client("lambda")
for name in ("checkout", "mailer"):
    fn.create_function(FunctionName=name, Runtime="python3.12", Role=made["role-fn"], Handler="index.handler", Code={"ZipFile": archive()},
                       VpcConfig={"SubnetIds": [subnets["private" + z] for z in "abc"], "SecurityGroupIds": [groups["fn"]]},
                       Environment={"Variables": {"QUEUE": made["queue-orders"] if name == "checkout" else made["queue-mail"], "DB_PASSWORD": "hunter2-never-kept"}})
    make("fn-" + name, arn("lambda", f"function:{name}"), "role-fn", "sg-fn", "queue-orders" if name == "checkout" else "queue-mail", *["subnet-private" + z for z in "abc"])
mapping = fn.create_event_source_mapping(FunctionName="mailer", EventSourceArn=made["queue-mail"])
make("mapping", arn("lambda", f"event-source-mapping:{mapping['UUID']}"), "queue-mail", "fn-mailer")

# topics, alarms, secrets, names
sns = client("sns")
topic = sns.create_topic(Name="alerts", Attributes={"KmsMasterKeyId": made["key-logs"]})["TopicArn"]
make("topic", topic, "key-logs")
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=made["queue-mail"])
needs("topic", "queue-mail")
client("cloudwatch").put_metric_alarm(AlarmName="queue-deep", Namespace="AWS/SQS", MetricName="Depth", Period=60, EvaluationPeriods=1, Statistic="Sum", Threshold=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic])
make("alarm", arn("cloudwatch", "alarm:queue-deep"), "topic")
secret = client("secretsmanager").create_secret(Name="shop/db", SecretString="hunter2-never-kept", KmsKeyId=KEY)["ARN"]
make("secret", secret, "key-data")
client("logs").create_log_group(logGroupName="/shop/app", kmsKeyId=made["key-logs"])
make("log-group", arn("logs", "log-group:/shop/app"), "key-logs")
r53 = client("route53")
zone = r53.create_hosted_zone(Name="shop.example.com", CallerReference="1")["HostedZone"]["Id"].split("/")[-1]
make("zone", f"arn:aws:route53:::hostedzone/{zone}")
r53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": "www.shop.example.com", "Type": "A", "AliasTarget": {"HostedZoneId": lb["CanonicalHostedZoneId"], "DNSName": lb["DNSName"], "EvaluateTargetHealth": False}}}]})
needs("zone", "lb")
ecr = client("ecr").create_repository(repositoryName="shop/app", encryptionConfiguration={"encryptionType": "KMS", "kmsKey": KEY})["repository"]["repositoryArn"]
make("repository", ecr, "key-data")
ecs = client("ecs")
cluster = ecs.create_cluster(clusterName="shop", tags=[{"key": "team", "value": "shop"}])["cluster"]["clusterArn"]
make("cluster", cluster)
task = ecs.register_task_definition(family="app", networkMode="awsvpc", taskRoleArn=made["role-batch"], executionRoleArn=made["role-batch"], containerDefinitions=[{"name": "app", "image": "shop/app", "memory": 64}])["taskDefinition"]["taskDefinitionArn"]
make("task", task, "role-batch")
service = ecs.create_service(cluster="shop", serviceName="app", taskDefinition=task, desiredCount=0, launchType="FARGATE",
                             loadBalancers=[{"targetGroupArn": made["targets-batch"], "containerName": "app", "containerPort": 80}],
                             networkConfiguration={"awsvpcConfiguration": {"subnets": [subnets["privatea"], subnets["privateb"]], "securityGroups": [groups["web"]]}})["service"]["serviceArn"]
make("service", service, "cluster", "task", "subnet-privatea", "subnet-privateb", "sg-web")
needs("targets-batch", "service")

# What no row reads, and is known by its tags.
client("glue").create_job(Name="nightly", Role=made["role-batch"], Command={"Name": "glueetl"}, Tags={"team": "shop", "Name": "Nightly"})
client("glue").create_job(Name="untagged", Role=made["role-batch"], Command={"Name": "glueetl"})

# Names that mean nothing: a group, a table, a queue and a load balancer may be
# called alike. None of these depends on any other.
strangers = []
for name in ("alike", "shared"):
    strangers.append(ec2("security-group", e.create_security_group(GroupName=name, Description="called like a queue, a table, a topic", VpcId=vpc)["GroupId"]))
    sqs.create_queue(QueueName=name)
    strangers.append(arn("sqs", name))
    ddb.create_table(TableName=name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST")
    strangers.append(arn("dynamodb", f"table/{name}"))
    strangers.append(sns.create_topic(Name=name)["TopicArn"])
    client("logs").create_log_group(logGroupName=name)
    strangers.append(arn("logs", f"log-group:{name}"))
    strangers.append(elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"])
    strangers.append(client("ecr").create_repository(repositoryName=name)["repository"]["repositoryArn"])

print(json.dumps({"account": ACCOUNT, "made": made, "relations": relations, "strangers": strangers}))
