"""Records what moto answers about a small estate, one call a line, as the wire carried it.

    pip install "moto[all]" && python estate.py estate.jsonl
"""
import io, json, re, sys, threading, zipfile
import boto3, botocore.endpoint
from moto import mock_aws
from moto.moto_api._internal import mock_random

out = open(sys.argv[1], "w")
CERT = re.compile("[A-Za-z0-9+/]{400,}")  # long, and of no use here
recording = False
keep = {"RegisterTargets", "AttachRolePolicy"}  # changes that tie two things together
calls = []
local = threading.local()
orig_get = botocore.endpoint.Endpoint._do_get_response
orig_conv = botocore.endpoint.convert_to_response_dict
def get(self, request, operation_model, context):
    local.request, local.done = request, False
    return orig_get(self, request, operation_model, context)
def conv(http, op):
    r = local.request
    if not getattr(local, "done", False) and (recording or op.name in keep):
        local.done = True
        body = r.body or b""
        if hasattr(body, "read"): body = body.read()
        if isinstance(body, str): body = body.encode()
        calls.append({"op": op.service_model.service_name + ":" + op.name, "method": r.method, "url": r.url,
            "headers": {k: (v.decode() if isinstance(v, bytes) else str(v)).split(", SignedHeaders")[0] for k, v in r.headers.items() if k.lower() in ("host", "authorization", "content-type", "x-amz-target", "content-length","smithy-protocol","accept")},
            "body": body.decode(), "status": http.status_code,
            "answer_type": http.headers.get("Content-Type", ""), "answer": CERT.sub("certificate", http.content.decode("utf-8", "replace"))})
    return orig_conv(http, op)
botocore.endpoint.Endpoint._do_get_response = get
botocore.endpoint.convert_to_response_dict = conv
KEY = "AKIARZPUZDIKABSGK3LP"

@mock_aws
def main():
    global recording
    mock_random.seed(1)
    s = boto3.session.Session(aws_access_key_id=KEY, aws_secret_access_key="x", region_name="us-east-1")
    c = lambda n: s.client(n)
    ec2, iam, elb, asg, rds, lam, sqs, sns, kms, s3, ddb, r53, eks, ecs, cw, ev, logs, efs, sm, ec, apigw, sfn = [c(n) for n in
        ("ec2","iam","elbv2","autoscaling","rds","lambda","sqs","sns","kms","s3","dynamodb","route53","eks","ecs","cloudwatch","events","logs","efs","secretsmanager","elasticache","apigatewayv2","stepfunctions")]
    tag = lambda k, env="prod", team="shop": [{"ResourceType": k, "Tags": [{"Key": "Name", "Value": names.pop(0)}, {"Key": "env", "Value": env}, {"Key": "team", "Value": team}]}]
    names = ["shop","public-a","public-b","private-a","private-b"]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tag("vpc"))["Vpc"]["VpcId"]
    sub = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone="us-east-1"+"ab"[i%2], TagSpecifications=tag("subnet"))["Subnet"]["SubnetId"] for i in range(4)]
    igw = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=igw, VpcId=vpc)
    eip = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=sub[0], AllocationId=eip)["NatGateway"]["NatGatewayId"]
    rts = []
    for subs, gw in ((sub[:2], {"GatewayId": igw}), (sub[2:], {"NatGatewayId": nat})):
        rt = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=rt, DestinationCidrBlock="0.0.0.0/0", **gw)
        for x in subs: ec2.associate_route_table(RouteTableId=rt, SubnetId=x)
        rts.append(rt)
    sg = {}
    for n in ("lb","web","db","lambda"):
        sg[n] = ec2.create_security_group(GroupName=n, Description=n, VpcId=vpc)["GroupId"]
    for a, b, p in (("web","lb",80),("db","web",5432),("db","lambda",5432)):
        ec2.authorize_security_group_ingress(GroupId=sg[a], IpPermissions=[{"IpProtocol":"tcp","FromPort":p,"ToPort":p,"UserIdGroupPairs":[{"GroupId":sg[b]}]}])
    ec2.authorize_security_group_ingress(GroupId=sg["lb"], IpPermissions=[{"IpProtocol":"tcp","FromPort":443,"ToPort":443,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]}])
    trust = lambda svc: json.dumps({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":svc},"Action":"sts:AssumeRole"}]})
    role = {}
    for n, svc in (("web","ec2.amazonaws.com"),("worker","lambda.amazonaws.com"),("cluster","eks.amazonaws.com"),("nodes","ec2.amazonaws.com"),("task","ecs-tasks.amazonaws.com"),("flow","states.amazonaws.com")):
        role[n] = iam.create_role(RoleName=n, AssumeRolePolicyDocument=trust(svc))["Role"]["Arn"]
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
    key = kms.create_key(Description="shop")["KeyMetadata"]
    kms.create_alias(AliasName="alias/shop", TargetKeyId=key["KeyId"])
    s3.create_bucket(Bucket="acme-uploads"); s3.create_bucket(Bucket="acme-logs")
    s3.put_bucket_encryption(Bucket="acme-uploads", ServerSideEncryptionConfiguration={"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms","KMSMasterKeyID":key["Arn"]}}]})
    dlq = sqs.create_queue(QueueName="orders-dead")["QueueUrl"]
    dlqarn = sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=["All"])["Attributes"]["QueueArn"]
    q = sqs.create_queue(QueueName="orders", Attributes={"KmsMasterKeyId":key["Arn"],"RedrivePolicy":json.dumps({"deadLetterTargetArn":dlqarn,"maxReceiveCount":3})})["QueueUrl"]
    qarn = sqs.get_queue_attributes(QueueUrl=q, AttributeNames=["All"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="orders")["TopicArn"]
    table = ddb.create_table(TableName="orders", KeySchema=[{"AttributeName":"id","KeyType":"HASH"}], AttributeDefinitions=[{"AttributeName":"id","AttributeType":"S"}], BillingMode="PAY_PER_REQUEST", SSESpecification={"Enabled":True,"SSEType":"KMS","KMSMasterKeyId":key["Arn"]})["TableDescription"]["TableArn"]
    pol = iam.create_policy(PolicyName="orders", PolicyDocument=json.dumps({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:*"],"Resource":table},{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::acme-uploads/*"},{"Effect":"Allow","Action":"sqs:*","Resource":qarn}]}))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=pol); iam.attach_role_policy(RoleName="web", PolicyArn=pol)
    secret = sm.create_secret(Name="db", SecretString="x", KmsKeyId=key["Arn"])["ARN"]
    ami = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.create_key_pair(KeyName="ops")
    ins = [i["InstanceId"] for i in ec2.run_instances(ImageId=ami, MinCount=2, MaxCount=2, SubnetId=sub[0], SecurityGroupIds=[sg["web"]], IamInstanceProfile={"Name":"web"}, KeyName="ops", InstanceType="t3.micro",
        TagSpecifications=[{"ResourceType":"instance","Tags":[{"Key":"env","Value":"prod"},{"Key":"team","Value":"shop"}]}])["Instances"]]
    vol = ec2.create_volume(Size=8, AvailabilityZone="us-east-1a", Encrypted=True, KmsKeyId=key["Arn"])["VolumeId"]
    ec2.attach_volume(VolumeId=vol, InstanceId=ins[0], Device="/dev/sdf")
    lb = elb.create_load_balancer(Name="shop", Subnets=sub[:2], SecurityGroups=[sg["lb"]], Scheme="internet-facing")["LoadBalancers"][0]
    tg = elb.create_target_group(Name="shop", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=tg, Targets=[{"Id":i} for i in ins])
    lst = elb.create_listener(LoadBalancerArn=lb["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[{"Type":"forward","TargetGroupArn":tg}])["Listeners"][0]["ListenerArn"]
    lt = ec2.create_launch_template(LaunchTemplateName="fleet", LaunchTemplateData={"ImageId":ami,"InstanceType":"t3.micro","SecurityGroupIds":[sg["web"]]})["LaunchTemplate"]["LaunchTemplateId"]
    tg2 = elb.create_target_group(Name="fleet", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
    asg.create_auto_scaling_group(AutoScalingGroupName="fleet", LaunchTemplate={"LaunchTemplateId":lt,"Version":"$Latest"}, MinSize=2, MaxSize=4, DesiredCapacity=2, VPCZoneIdentifier=",".join(sub[2:]), TargetGroupARNs=[tg2])
    rds.create_db_subnet_group(DBSubnetGroupName="shop", DBSubnetGroupDescription="x", SubnetIds=sub[2:])
    rds.create_db_parameter_group(DBParameterGroupName="shop", DBParameterGroupFamily="postgres15", Description="x")
    db = rds.create_db_instance(DBInstanceIdentifier="orders", Engine="postgres", DBInstanceClass="db.t3.micro", AllocatedStorage=20, MasterUsername="u", MasterUserPassword="pppppppp", DBSubnetGroupName="shop", VpcSecurityGroupIds=[sg["db"]], KmsKeyId=key["Arn"], StorageEncrypted=True, DBParameterGroupName="shop", Tags=[{"Key":"env","Value":"prod"},{"Key":"team","Value":"data"}])["DBInstance"]
    rds.create_db_instance_read_replica(DBInstanceIdentifier="orders-ro", SourceDBInstanceIdentifier="orders")
    z = io.BytesIO(); zipfile.ZipFile(z, "w").writestr("f.py", "def h(e,c): pass")
    fn = lam.create_function(FunctionName="worker", Runtime="python3.12", Role=role["worker"], Handler="f.h", Code={"ZipFile":z.getvalue()}, KMSKeyArn=key["Arn"],
        VpcConfig={"SubnetIds":sub[2:],"SecurityGroupIds":[sg["lambda"]]}, Environment={"Variables":{"QUEUE_URL":q,"TABLE":"orders","DB_HOST":db["Endpoint"]["Address"],"BUCKET":"acme-uploads","TOPIC":topic}})["FunctionArn"]
    esm = lam.create_event_source_mapping(EventSourceArn=qarn, FunctionName="worker")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=qarn); sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=fn)
    logs.create_log_group(logGroupName="/aws/lambda/worker")
    zone = r53.create_hosted_zone(Name="acme.example", CallerReference="1")["HostedZone"]["Id"].split("/")[-1]
    r53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes":[
        {"Action":"CREATE","ResourceRecordSet":{"Name":"shop.acme.example","Type":"A","AliasTarget":{"HostedZoneId":lb["CanonicalHostedZoneId"],"DNSName":lb["DNSName"],"EvaluateTargetHealth":False}}},
        {"Action":"CREATE","ResourceRecordSet":{"Name":"db.acme.example","Type":"CNAME","TTL":60,"ResourceRecords":[{"Value":db["Endpoint"]["Address"]}]}}]})
    eks.create_cluster(name="apps", roleArn=role["cluster"], resourcesVpcConfig={"subnetIds":sub[2:],"securityGroupIds":[sg["web"]]})
    eks.create_nodegroup(clusterName="apps", nodegroupName="main", subnets=sub[2:], nodeRole=role["nodes"])
    ecs.create_cluster(clusterName="jobs")
    td = ecs.register_task_definition(family="job", taskRoleArn=role["task"], executionRoleArn=role["task"], containerDefinitions=[{"name":"job","image":"busybox","memory":64,"environment":[{"name":"QUEUE","value":q}],"secrets":[{"name":"DB","valueFrom":secret}]}])["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(cluster="jobs", serviceName="job", taskDefinition=td, desiredCount=2, loadBalancers=[{"targetGroupArn":tg2,"containerName":"job","containerPort":80}], networkConfiguration={"awsvpcConfiguration":{"subnets":sub[2:],"securityGroups":[sg["web"]]}}, launchType="FARGATE")
    cw.put_metric_alarm(AlarmName="cpu", MetricName="CPUUtilization", Namespace="AWS/EC2", Dimensions=[{"Name":"InstanceId","Value":ins[0]}], ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1, Threshold=80, Period=60, Statistic="Average", AlarmActions=[topic])
    ev.put_rule(Name="nightly", ScheduleExpression="rate(1 day)"); ev.put_targets(Rule="nightly", Targets=[{"Id":"1","Arn":fn}])
    fs = efs.create_file_system(CreationToken="x", KmsKeyId=key["Arn"], Encrypted=True)["FileSystemId"]
    mt = efs.create_mount_target(FileSystemId=fs, SubnetId=sub[2], SecurityGroups=[sg["web"]])
    ec.create_cache_subnet_group(CacheSubnetGroupName="shop", CacheSubnetGroupDescription="x", SubnetIds=sub[2:])
    ec.create_cache_cluster(CacheClusterId="sessions", Engine="redis", CacheNodeType="cache.t3.micro", NumCacheNodes=1, CacheSubnetGroupName="shop", SecurityGroupIds=[sg["db"]])
    vpce = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[rts[1]])["VpcEndpoint"]["VpcEndpointId"]
    vpc2 = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    pcx = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=vpc2)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=pcx)
    ec2.create_route(RouteTableId=rts[1], DestinationCidrBlock="10.9.0.0/16", VpcPeeringConnectionId=pcx)
    snap = ec2.create_snapshot(VolumeId=vol)["SnapshotId"]
    sm1 = sfn.create_state_machine(name="flow", roleArn=role["flow"], definition=json.dumps({"StartAt":"A","States":{"A":{"Type":"Task","Resource":fn,"End":True}}}))["stateMachineArn"]
    recording = True
    tries = [
      lambda: s.client("sts").get_caller_identity(),
      lambda: ec2.describe_vpcs(VpcIds=[vpc,vpc2]), lambda: ec2.describe_subnets(Filters=[{"Name":"vpc-id","Values":[vpc]}]), lambda: ec2.describe_internet_gateways(), lambda: ec2.describe_addresses(),
      lambda: ec2.describe_nat_gateways(), lambda: ec2.describe_route_tables(Filters=[{"Name":"vpc-id","Values":[vpc]}]), lambda: ec2.describe_security_groups(Filters=[{"Name":"vpc-id","Values":[vpc]}]),
      lambda: ec2.describe_instances(InstanceIds=ins), lambda: ec2.describe_instances(Filters=[{"Name":"subnet-id","Values":sub[2:]}]), lambda: ec2.describe_volumes(), lambda: ec2.describe_network_interfaces(), lambda: ec2.describe_key_pairs(),
      lambda: ec2.describe_launch_templates(), lambda: ec2.describe_launch_template_versions(LaunchTemplateId=lt), lambda: ec2.describe_vpc_endpoints(), lambda: ec2.describe_vpc_peering_connections(),
      lambda: ec2.describe_network_acls(Filters=[{"Name":"vpc-id","Values":[vpc]}]), lambda: ec2.describe_snapshots(SnapshotIds=[snap]), lambda: ec2.describe_images(ImageIds=[ami]),
      lambda: iam.list_roles(), lambda: iam.get_role(RoleName="worker"), lambda: iam.list_instance_profiles(), lambda: iam.get_policy(PolicyArn=pol), lambda: iam.get_policy_version(PolicyArn=pol, VersionId="v1"),
      lambda: iam.list_attached_role_policies(RoleName="worker"), lambda: iam.list_attached_role_policies(RoleName="web"), lambda: iam.get_account_authorization_details(Filter=["Role","LocalManagedPolicy"]),
      lambda: kms.describe_key(KeyId=key["KeyId"]), lambda: kms.list_aliases(), lambda: s3.list_buckets(), lambda: s3.get_bucket_encryption(Bucket="acme-uploads"),
      lambda: sqs.get_queue_attributes(QueueUrl=q, AttributeNames=["All"]), lambda: sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=["All"]), lambda: sqs.list_queues(),
      lambda: sns.list_topics(), lambda: sns.get_topic_attributes(TopicArn=topic), lambda: sns.list_subscriptions(), lambda: ddb.describe_table(TableName="orders"), lambda: sm.describe_secret(SecretId="db"),
      lambda: elb.describe_load_balancers(), lambda: elb.describe_target_groups(), lambda: elb.describe_listeners(LoadBalancerArn=lb["LoadBalancerArn"]), lambda: elb.describe_target_health(TargetGroupArn=tg), lambda: elb.describe_rules(ListenerArn=lst),
      lambda: asg.describe_auto_scaling_groups(), lambda: rds.describe_db_subnet_groups(), lambda: rds.describe_db_instances(), lambda: rds.describe_db_parameter_groups(),
      lambda: lam.get_function(FunctionName="worker"), lambda: lam.list_functions(), lambda: lam.get_function_configuration(FunctionName="worker"), lambda: lam.list_event_source_mappings(), lambda: logs.describe_log_groups(),
      lambda: r53.list_hosted_zones(), lambda: r53.list_resource_record_sets(HostedZoneId=zone), lambda: eks.describe_cluster(name="apps"), lambda: eks.describe_nodegroup(clusterName="apps", nodegroupName="main"),
      lambda: ecs.describe_clusters(clusters=["jobs"]), lambda: ecs.describe_services(cluster="jobs", services=["job"]), lambda: ecs.describe_task_definition(taskDefinition=td),
      lambda: cw.describe_alarms(), lambda: ev.list_rules(), lambda: ev.list_targets_by_rule(Rule="nightly"), lambda: efs.describe_file_systems(), lambda: efs.describe_mount_targets(FileSystemId=fs),
      lambda: ec.describe_cache_clusters(), lambda: ec.describe_cache_subnet_groups(), lambda: sfn.describe_state_machine(stateMachineArn=sm1),
    ]
    for i, t in enumerate(tries):
        try: t()
        except Exception as e: print("!!", i, str(e)[:200], file=sys.stderr)
    for x in calls: out.write(json.dumps(x, sort_keys=True) + "\n")
main()
