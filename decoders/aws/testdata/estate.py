"""Builds an estate in moto, in process, reads it back, and writes every call and
its answer as JSON lines on stdout: what a proxy would have seen. A row says which
resources its answer shows, by the ARN that AWS gives them. Nothing leaves the
machine.

    estate.py
"""
import base64
import io
import json
import sys
import zipfile

import boto3
from botocore.config import Config
from moto import mock_aws

ACCOUNT, REGION = "123456789012", "us-east-1"
KEY = "AKIARZPUZDIKABSGK3LP"  # carries the account
TAGS = {"team": "shop", "env": "prod"}
SECRET = "hunter2-never-kept"
LIST = [{"Key": k, "Value": v} for k, v in TAGS.items()]
LOWER = [{"key": k, "value": v} for k, v in TAGS.items()]
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop-data/*"}]})


def arn(service, rest, region=REGION, account=ACCOUNT):
    return f"arn:aws:{service}:{region}:{account}:{rest}"


class Estate:
    def __init__(self):
        self.session = boto3.session.Session(KEY, "secret" * 6, region_name=REGION)
        self.clients, self.last = {}, {}
        self.missing = []

    def client(self, service):
        if service not in self.clients:
            c = self.session.client(service, config=Config(retries={"max_attempts": 0}, parameter_validation=True))

            def sent(request, **kw):
                self.last["request"] = request

            def received(response_dict, **kw):
                self.last["response"] = response_dict

            c.meta.events.register_first("before-send.*.*", sent)
            c.meta.events.register("response-received.*.*", received)
            self.clients[service] = c
        return self.clients[service]

    def call(self, kind, service, method, shows, tagged, **params):
        """shows is a list of ARNs, or a function of the answer that gives one."""
        self.last.clear()
        client = self.client(service)
        try:
            out = getattr(client, method)(**params)
        except Exception as e:  # moto does not have it all
            self.missing.append(f"{service}.{method}: {e!r}"[:160])
            return None
        r, got = self.last["request"], self.last["response"]
        body = r.body.read() if hasattr(r.body, "read") else r.body or b""
        answer = got["body"]
        if not isinstance(answer, (bytes, bytearray)):
            answer = b""
        if callable(shows):
            shows = shows(out)
        if isinstance(shows, str):
            shows = [shows]
        text = lambda v: v.decode("latin-1") if isinstance(v, bytes) else str(v)
        print(json.dumps({
            "kind": kind, "service": service, "operation": client.meta.method_to_api_mapping[method], "method": r.method, "url": r.url,
            "headers": {k: text(v) for k, v in r.headers.items()}, "body": base64.b64encode(body.encode() if isinstance(body, str) else bytes(body)).decode(),
            "status": got["status_code"], "answer_headers": dict(got["headers"]), "answer": base64.b64encode(answer).decode(),
            "shows": shows, "tagged": tagged}))
        return out

    def make(self, service, method, shows, tagged=False, **params):
        return self.call("make", service, method, shows, tagged, **params)

    def read(self, service, method, shows, tagged=False, **params):
        return self.call("read", service, method, shows, tagged, **params)


def archive():
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        z.writestr("index.py", "def handler(e, c): return 1")
    return b.getvalue()


def network(e):
    spec = lambda t: {"TagSpecifications": [{"ResourceType": t, "Tags": LIST}]}
    ids = {}

    def ec2(name, method, path, typ, read, many, **params):
        urn = lambda v: arn("ec2", f"{typ}/{v}", account="" if typ in ("image", "snapshot") else ACCOUNT)

        def made(out):
            v = out
            for p in path:
                v = v[p]
            ids[name] = v
            return urn(v)
        out = e.make("ec2", method, made, **params)
        if out is not None and read:
            e.read("ec2", read, [urn(ids[name])], tagged="TagSpecifications" in params and name != "dopt", **{many: [ids[name]]})
        return out

    ec2("vpc", "create_vpc", ["Vpc", "VpcId"], "vpc", "describe_vpcs", "VpcIds", CidrBlock="10.0.0.0/16", **spec("vpc"))
    if not ids:
        return ids
    vpc = ids["vpc"]
    ec2("subnet", "create_subnet", ["Subnet", "SubnetId"], "subnet", "describe_subnets", "SubnetIds", VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZone="us-east-1a", **spec("subnet"))
    ec2("subnet2", "create_subnet", ["Subnet", "SubnetId"], "subnet", "describe_subnets", "SubnetIds", VpcId=vpc, CidrBlock="10.0.2.0/24", AvailabilityZone="us-east-1b", **spec("subnet"))
    ec2("sg", "create_security_group", ["GroupId"], "security-group", "describe_security_groups", "GroupIds", GroupName="web", Description="web", VpcId=vpc, **spec("security-group"))
    ec2("igw", "create_internet_gateway", ["InternetGateway", "InternetGatewayId"], "internet-gateway", "describe_internet_gateways", "InternetGatewayIds", **spec("internet-gateway"))
    e.make("ec2", "attach_internet_gateway", None, InternetGatewayId=ids["igw"], VpcId=vpc)
    ec2("rtb", "create_route_table", ["RouteTable", "RouteTableId"], "route-table", "describe_route_tables", "RouteTableIds", VpcId=vpc, **spec("route-table"))
    e.make("ec2", "create_route", None, RouteTableId=ids["rtb"], DestinationCidrBlock="0.0.0.0/0", GatewayId=ids["igw"])
    ec2("acl", "create_network_acl", ["NetworkAcl", "NetworkAclId"], "network-acl", "describe_network_acls", "NetworkAclIds", VpcId=vpc, **spec("network-acl"))
    ec2("eip", "allocate_address", ["AllocationId"], "elastic-ip", "describe_addresses", "AllocationIds", Domain="vpc", **spec("elastic-ip"))
    if "eip" in ids:
        ec2("nat", "create_nat_gateway", ["NatGateway", "NatGatewayId"], "natgateway", "describe_nat_gateways", "NatGatewayIds", SubnetId=ids["subnet"], AllocationId=ids["eip"], **spec("natgateway"))
    ec2("vol", "create_volume", ["VolumeId"], "volume", "describe_volumes", "VolumeIds", Size=8, AvailabilityZone="us-east-1a", **spec("volume"))
    ec2("eni", "create_network_interface", ["NetworkInterface", "NetworkInterfaceId"], "network-interface", "describe_network_interfaces", "NetworkInterfaceIds", SubnetId=ids["subnet"], **spec("network-interface"))
    ec2("lt", "create_launch_template", ["LaunchTemplate", "LaunchTemplateId"], "launch-template", "describe_launch_templates", "LaunchTemplateIds", LaunchTemplateName="web", LaunchTemplateData={"ImageId": "ami-12c6146b", "InstanceType": "t3.micro"}, **spec("launch-template"))
    ec2("key", "create_key_pair", ["KeyPairId"], "key-pair", None, None, KeyName="ops", **spec("key-pair"))
    if "key" in ids:
        e.read("ec2", "describe_key_pairs", [arn("ec2", "key-pair/" + ids["key"])], tagged=True, KeyNames=["ops"])
    ec2("vpce", "create_vpc_endpoint", ["VpcEndpoint", "VpcEndpointId"], "vpc-endpoint", "describe_vpc_endpoints", "VpcEndpointIds", VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", **spec("vpc-endpoint"))
    ec2("dopt", "create_dhcp_options", ["DhcpOptions", "DhcpOptionsId"], "dhcp-options", "describe_dhcp_options", "DhcpOptionsIds", DhcpConfigurations=[{"Key": "domain-name", "Values": ["x"]}], **spec("dhcp-options"))
    ec2("tgw", "create_transit_gateway", ["TransitGateway", "TransitGatewayId"], "transit-gateway", "describe_transit_gateways", "TransitGatewayIds", Description="hub", **spec("transit-gateway"))
    ec2("vgw", "create_vpn_gateway", ["VpnGateway", "VpnGatewayId"], "vpn-gateway", "describe_vpn_gateways", "VpnGatewayIds", Type="ipsec.1", **spec("vpn-gateway"))
    ec2("i", "run_instances", ["Instances", 0, "InstanceId"], "instance", "describe_instances", "InstanceIds", ImageId="ami-12c6146b", MinCount=1, MaxCount=1, InstanceType="t3.micro", SubnetId=ids["subnet"], SecurityGroupIds=[ids["sg"]], **spec("instance"))
    if "vol" in ids:
        ec2("snap", "create_snapshot", ["SnapshotId"], "snapshot", "describe_snapshots", "SnapshotIds", VolumeId=ids["vol"], **spec("snapshot"))
    ec2("ami", "create_image", ["ImageId"], "image", "describe_images", "ImageIds", InstanceId=ids["i"], Name="golden")
    return ids


def identity(e):
    g = lambda kind, name: arn("iam", f"{kind}/{name}", region="")
    e.make("iam", "create_role", g("role", "deploy"), tagged=True, RoleName="deploy", AssumeRolePolicyDocument=TRUST, Tags=LIST)
    e.read("iam", "get_role", g("role", "deploy"), tagged=True, RoleName="deploy")
    e.read("iam", "list_roles", g("role", "deploy"))
    e.make("iam", "create_role", g("role/teams/shop", "run"), Path="/teams/shop/", RoleName="run", AssumeRolePolicyDocument=TRUST)
    e.read("iam", "get_role", g("role/teams/shop", "run"), RoleName="run")
    e.make("iam", "create_user", g("user", "ann"), UserName="ann", Tags=LIST)
    e.read("iam", "get_user", g("user", "ann"), tagged=True, UserName="ann")
    e.read("iam", "list_users", g("user", "ann"))
    e.make("iam", "create_access_key", None, UserName="ann")
    e.make("iam", "create_group", g("group", "ops"), GroupName="ops")
    e.read("iam", "get_group", g("group", "ops"), GroupName="ops")
    e.read("iam", "list_groups", g("group", "ops"))
    e.make("iam", "create_policy", g("policy", "read-data"), PolicyName="read-data", PolicyDocument=POLICY, Tags=LIST)
    e.read("iam", "get_policy", g("policy", "read-data"), tagged=True, PolicyArn=g("policy", "read-data"))
    e.read("iam", "list_policies", g("policy", "read-data"), Scope="Local")
    e.make("iam", "attach_role_policy", None, RoleName="deploy", PolicyArn=g("policy", "read-data"))
    e.make("iam", "create_instance_profile", g("instance-profile", "web"), InstanceProfileName="web")
    e.make("iam", "add_role_to_instance_profile", None, InstanceProfileName="web", RoleName="deploy")
    e.read("iam", "get_instance_profile", g("instance-profile", "web"), InstanceProfileName="web")
    e.read("iam", "list_instance_profiles", g("instance-profile", "web"))
    e.make("iam", "create_open_id_connect_provider", g("oidc-provider", "token.example.com"), Url="https://token.example.com", ThumbprintList=["a" * 40])
    e.read("iam", "list_open_id_connect_providers", g("oidc-provider", "token.example.com"))
    e.make("iam", "create_saml_provider", g("saml-provider", "corp"), Name="corp", SAMLMetadataDocument="x" * 1000)
    e.read("iam", "list_saml_providers", g("saml-provider", "corp"))
    return g("role", "deploy")


def storage(e, ids):
    b = "arn:aws:s3:::shop-data"
    e.make("s3", "create_bucket", b, Bucket="shop-data")
    e.read("s3", "list_buckets", b)
    e.make("s3", "put_bucket_tagging", None, Bucket="shop-data", Tagging={"TagSet": LIST})
    e.read("s3", "get_bucket_tagging", b, tagged=True, Bucket="shop-data")
    e.make("s3", "put_object", [], Bucket="shop-data", Key="a/b.txt", Body=b"x")
    out = e.make("kms", "create_key", lambda o: o["KeyMetadata"]["Arn"], Description="data", Tags=[{"TagKey": k, "TagValue": v} for k, v in TAGS.items()])
    key = out["KeyMetadata"]["Arn"] if out else ""
    e.read("kms", "describe_key", key, KeyId=key)
    e.read("kms", "list_keys", key)
    e.read("kms", "list_resource_tags", key, tagged=True, KeyId=key)
    e.make("kms", "create_alias", arn("kms", "alias/data"), AliasName="alias/data", TargetKeyId=key)
    e.read("kms", "list_aliases", arn("kms", "alias/data"))
    fs = lambda o: o["FileSystemArn"]
    out = e.make("efs", "create_file_system", fs, tagged=True, CreationToken="t", Tags=LIST)
    if out:
        e.read("efs", "describe_file_systems", out["FileSystemArn"], tagged=True)
        ap = e.make("efs", "create_access_point", lambda o: o["AccessPointArn"], tagged=True, ClientToken="t", FileSystemId=out["FileSystemId"], Tags=LIST)
        if ap:
            e.read("efs", "describe_access_points", ap["AccessPointArn"], tagged=True)
    e.make("ecr", "create_repository", arn("ecr", "repository/shop/web"), repositoryName="shop/web", tags=LIST)
    e.read("ecr", "describe_repositories", arn("ecr", "repository/shop/web"))
    e.make("backup", "create_backup_vault", arn("backup", "backup-vault:nightly"), BackupVaultName="nightly", BackupVaultTags=TAGS)
    e.read("backup", "list_backup_vaults", arn("backup", "backup-vault:nightly"))
    e.read("backup", "describe_backup_vault", arn("backup", "backup-vault:nightly"), BackupVaultName="nightly")
    out = e.make("backup", "create_backup_plan", lambda o: o["BackupPlanArn"], BackupPlan={"BackupPlanName": "p", "Rules": [{"RuleName": "r", "TargetBackupVaultName": "nightly"}]}, BackupPlanTags=TAGS)
    if out:
        e.read("backup", "get_backup_plan", out["BackupPlanArn"], BackupPlanId=out["BackupPlanId"])
        e.read("backup", "list_backup_plans", out["BackupPlanArn"])
    return key


def databases(e, ids, key):
    nets = [ids["subnet"], ids["subnet2"]]
    e.make("rds", "create_db_subnet_group", arn("rds", "subgrp:shop"), DBSubnetGroupName="shop", DBSubnetGroupDescription="x", SubnetIds=nets, Tags=LIST)
    e.read("rds", "describe_db_subnet_groups", arn("rds", "subgrp:shop"), DBSubnetGroupName="shop")
    e.make("rds", "create_db_parameter_group", arn("rds", "pg:shop"), DBParameterGroupName="shop", DBParameterGroupFamily="mysql8.0", Description="x", Tags=LIST)
    e.read("rds", "describe_db_parameter_groups", arn("rds", "pg:shop"), DBParameterGroupName="shop")
    db = arn("rds", "db:orders")
    e.make("rds", "create_db_instance", db, tagged=True, DBInstanceIdentifier="orders", Engine="mysql", DBInstanceClass="db.t3.micro", AllocatedStorage=20, MasterUsername="root", MasterUserPassword=SECRET, DBSubnetGroupName="shop", VpcSecurityGroupIds=[ids["sg"]], Tags=LIST)
    e.read("rds", "describe_db_instances", db, tagged=True)
    e.read("rds", "list_tags_for_resource", db, tagged=True, ResourceName=db)
    e.make("rds", "create_db_snapshot", arn("rds", "snapshot:orders-1"), DBSnapshotIdentifier="orders-1", DBInstanceIdentifier="orders", Tags=LIST)
    e.read("rds", "describe_db_snapshots", arn("rds", "snapshot:orders-1"), tagged=True, DBSnapshotIdentifier="orders-1")
    e.make("rds", "create_db_cluster", arn("rds", "cluster:ledger"), tagged=True, DBClusterIdentifier="ledger", Engine="aurora-mysql", MasterUsername="root", MasterUserPassword=SECRET, Tags=LIST)
    e.read("rds", "describe_db_clusters", arn("rds", "cluster:ledger"), tagged=True)
    e.make("rds", "create_option_group", arn("rds", "og:shop"), OptionGroupName="shop", EngineName="mysql", MajorEngineVersion="5.6", OptionGroupDescription="x")
    e.read("rds", "describe_option_groups", arn("rds", "og:shop"), OptionGroupName="shop")
    t = arn("dynamodb", "table/carts")
    e.make("dynamodb", "create_table", t, TableName="carts", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], BillingMode="PAY_PER_REQUEST", Tags=LIST)
    e.read("dynamodb", "describe_table", t, TableName="carts")
    e.read("dynamodb", "list_tables", t)
    e.read("dynamodb", "list_tags_of_resource", t, tagged=True, ResourceArn=t)
    out = e.make("dynamodb", "create_backup", lambda o: o["BackupDetails"]["BackupArn"], TableName="carts", BackupName="carts-1")
    if out:
        e.read("dynamodb", "list_backups", out["BackupDetails"]["BackupArn"])
    c = arn("redshift", "cluster:dw")
    e.make("redshift", "create_cluster", c, tagged=True, ClusterIdentifier="dw", NodeType="dc2.large", MasterUsername="root", MasterUserPassword="Hunter2never1", ClusterType="single-node", Tags=LIST)
    e.read("redshift", "describe_clusters", c, tagged=True)
    e.make("redshift", "create_cluster_subnet_group", arn("redshift", "subnetgroup:dw"), tagged=True, ClusterSubnetGroupName="dw", Description="x", SubnetIds=nets, Tags=LIST)
    e.read("redshift", "describe_cluster_subnet_groups", arn("redshift", "subnetgroup:dw"), tagged=True)
    e.make("redshift", "create_cluster_parameter_group", arn("redshift", "parametergroup:dw"), ParameterGroupName="dw", ParameterGroupFamily="redshift-1.0", Description="x")
    e.read("redshift", "describe_cluster_parameter_groups", arn("redshift", "parametergroup:dw"), ParameterGroupName="dw")
    e.make("elasticache", "create_cache_cluster", arn("elasticache", "cluster:sessions"), CacheClusterId="sessions", Engine="redis", NumCacheNodes=1, CacheNodeType="cache.t3.micro", Tags=LIST)
    e.read("elasticache", "describe_cache_clusters", arn("elasticache", "cluster:sessions"))
    e.make("elasticache", "create_replication_group", arn("elasticache", "replicationgroup:rg"), ReplicationGroupId="rg", ReplicationGroupDescription="x")
    e.read("elasticache", "describe_replication_groups", arn("elasticache", "replicationgroup:rg"))
    e.make("elasticache", "create_cache_subnet_group", arn("elasticache", "subnetgroup:cache"), CacheSubnetGroupName="cache", CacheSubnetGroupDescription="x", SubnetIds=nets)
    e.read("elasticache", "describe_cache_subnet_groups", arn("elasticache", "subnetgroup:cache"), CacheSubnetGroupName="cache")
    e.make("opensearch", "create_domain", arn("es", "domain/search"), DomainName="search", TagList=LIST)
    e.read("opensearch", "describe_domain", arn("es", "domain/search"), DomainName="search")
    e.read("opensearch", "describe_domains", arn("es", "domain/search"), DomainNames=["search"])
    e.read("opensearch", "list_domain_names", arn("es", "domain/search"))
    e.make("glue", "create_database", arn("glue", "database/lake"), DatabaseInput={"Name": "lake"})
    e.read("glue", "get_database", arn("glue", "database/lake"), Name="lake")
    e.read("glue", "get_databases", arn("glue", "database/lake"))
    e.make("glue", "create_table", arn("glue", "table/lake/events"), DatabaseName="lake", TableInput={"Name": "events"})
    e.read("glue", "get_table", arn("glue", "table/lake/events"), DatabaseName="lake", Name="events")
    e.read("glue", "get_tables", arn("glue", "table/lake/events"), DatabaseName="lake")
    e.make("glue", "create_job", arn("glue", "job/load"), Name="load", Role="deploy", Command={"Name": "glueetl", "ScriptLocation": "s3://shop-data/x.py"})
    e.read("glue", "get_job", arn("glue", "job/load"), JobName="load")
    e.read("glue", "list_jobs", arn("glue", "job/load"))
    e.make("glue", "create_crawler", arn("glue", "crawler/scan"), Name="scan", Role="deploy", Targets={"S3Targets": [{"Path": "s3://shop-data"}]})
    e.read("glue", "get_crawler", arn("glue", "crawler/scan"), Name="scan")
    e.make("athena", "create_work_group", arn("athena", "workgroup/bi"), Name="bi", Tags=LIST)
    e.read("athena", "get_work_group", arn("athena", "workgroup/bi"), WorkGroup="bi")
    e.read("athena", "list_work_groups", arn("athena", "workgroup/bi"))
    e.make("athena", "create_data_catalog", arn("athena", "datacatalog/ext"), Name="ext", Type="LAMBDA", Parameters={"function": arn("lambda", "function:f")})
    e.read("athena", "list_data_catalogs", arn("athena", "datacatalog/ext"))


def compute(e, ids, role):
    f = arn("lambda", "function:checkout")
    e.make("lambda", "create_function", f, FunctionName="checkout", Runtime="python3.11", Role=role, Handler="index.handler", Code={"ZipFile": archive()}, Environment={"Variables": {"PASSWORD": SECRET}}, Tags=TAGS)
    e.read("lambda", "get_function", f, tagged=True, FunctionName="checkout")
    e.read("lambda", "get_function_configuration", f, FunctionName="checkout")
    e.read("lambda", "list_functions", f)
    e.make("lambda", "publish_layer_version", arn("lambda", "layer:lib:1"), LayerName="lib", Content={"ZipFile": archive()})
    e.make("ecs", "create_cluster", arn("ecs", "cluster/shop"), tagged=True, clusterName="shop", tags=LOWER)
    e.read("ecs", "describe_clusters", arn("ecs", "cluster/shop"), tagged=True, clusters=["shop"], include=["TAGS"])
    e.read("ecs", "list_clusters", arn("ecs", "cluster/shop"))
    e.make("ecs", "register_task_definition", arn("ecs", "task-definition/web:1"), family="web", containerDefinitions=[{"name": "c", "image": "x", "memory": 64, "environment": [{"name": "PASSWORD", "value": SECRET}]}], tags=LOWER)
    e.read("ecs", "describe_task_definition", arn("ecs", "task-definition/web:1"), taskDefinition="web:1")
    e.read("ecs", "list_task_definitions", arn("ecs", "task-definition/web:1"))
    out = e.make("ecs", "create_service", lambda o: o["service"]["serviceArn"], cluster="shop", serviceName="web", taskDefinition="web:1", desiredCount=0, tags=LOWER)
    if out:
        e.read("ecs", "describe_services", out["service"]["serviceArn"], cluster="shop", services=["web"], include=["TAGS"])
        e.read("ecs", "list_services", out["service"]["serviceArn"], cluster="shop")
    e.make("eks", "create_cluster", arn("eks", "cluster/shop"), tagged=True, name="shop", roleArn=role, resourcesVpcConfig={"subnetIds": [ids["subnet"], ids["subnet2"]]}, tags=TAGS)
    e.read("eks", "describe_cluster", arn("eks", "cluster/shop"), tagged=True, name="shop")
    e.read("eks", "list_clusters", arn("eks", "cluster/shop"))
    out = e.make("eks", "create_nodegroup", lambda o: o["nodegroup"]["nodegroupArn"], tagged=True, clusterName="shop", nodegroupName="main", subnets=[ids["subnet"]], nodeRole=role, tags=TAGS)
    if out:
        e.read("eks", "describe_nodegroup", out["nodegroup"]["nodegroupArn"], tagged=True, clusterName="shop", nodegroupName="main")
    def asg(o):
        return o["AutoScalingGroups"][0]["AutoScalingGroupARN"]
    e.make("autoscaling", "create_launch_configuration", None, LaunchConfigurationName="lc", ImageId="ami-12c6146b", InstanceType="t3.micro")
    e.make("autoscaling", "create_auto_scaling_group", None, AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateId": ids["lt"]}, MinSize=0, MaxSize=1, VPCZoneIdentifier=ids["subnet"], Tags=[{"Key": k, "Value": v, "PropagateAtLaunch": True} for k, v in TAGS.items()])
    e.read("autoscaling", "describe_auto_scaling_groups", asg, tagged=True)
    lb = e.make("elbv2", "create_load_balancer", lambda o: o["LoadBalancers"][0]["LoadBalancerArn"], Name="web", Subnets=[ids["subnet"], ids["subnet2"]], SecurityGroups=[ids["sg"]], Tags=LIST)
    tg = e.make("elbv2", "create_target_group", lambda o: o["TargetGroups"][0]["TargetGroupArn"], Name="web", Protocol="HTTP", Port=80, VpcId=ids["vpc"], Tags=LIST)
    if lb and tg:
        lb, tg = lb["LoadBalancers"][0]["LoadBalancerArn"], tg["TargetGroups"][0]["TargetGroupArn"]
        e.read("elbv2", "describe_load_balancers", lb)
        e.read("elbv2", "describe_target_groups", tg)
        e.read("elbv2", "describe_tags", [lb], tagged=True, ResourceArns=[lb])
        ls = e.make("elbv2", "create_listener", lambda o: o["Listeners"][0]["ListenerArn"], LoadBalancerArn=lb, Protocol="HTTP", Port=80, DefaultActions=[{"Type": "forward", "TargetGroupArn": tg}])
        if ls:
            ls = ls["Listeners"][0]["ListenerArn"]
            e.read("elbv2", "describe_listeners", ls, LoadBalancerArn=lb)
            r = e.make("elbv2", "create_rule", lambda o: o["Rules"][0]["RuleArn"], ListenerArn=ls, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/x"]}], Actions=[{"Type": "forward", "TargetGroupArn": tg}])
            if r:
                e.read("elbv2", "describe_rules", r["Rules"][0]["RuleArn"], RuleArns=[r["Rules"][0]["RuleArn"]])
    e.make("elb", "create_load_balancer", arn("elasticloadbalancing", "loadbalancer/old"), LoadBalancerName="old", Listeners=[{"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}], Subnets=[ids["subnet"]])
    e.read("elb", "describe_load_balancers", arn("elasticloadbalancing", "loadbalancer/old"))
    out = e.make("stepfunctions", "create_state_machine", arn("states", "stateMachine:order"), name="order", roleArn=role, definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}), tags=LOWER)
    e.read("stepfunctions", "describe_state_machine", arn("states", "stateMachine:order"), stateMachineArn=arn("states", "stateMachine:order"))
    e.read("stepfunctions", "list_state_machines", arn("states", "stateMachine:order"))
    e.make("stepfunctions", "create_activity", arn("states", "activity:pick"), name="pick")
    e.read("stepfunctions", "list_activities", arn("states", "activity:pick"))
    cb = arn("codebuild", "project/build")
    e.make("codebuild", "create_project", cb, tagged=True, name="build", source={"type": "S3", "location": "shop-data/x.zip"}, artifacts={"type": "NO_ARTIFACTS"}, environment={"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:5.0", "computeType": "BUILD_GENERAL1_SMALL"}, serviceRole=role, tags=LOWER)
    e.read("codebuild", "batch_get_projects", cb, tagged=True, names=["build"])
    e.read("codebuild", "list_projects", cb)


def messaging(e, role):
    q = arn("sqs", "jobs")
    e.make("sqs", "create_queue", q, QueueName="jobs", tags=TAGS)
    url = f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/jobs"
    e.read("sqs", "get_queue_url", q, QueueName="jobs")
    e.read("sqs", "get_queue_attributes", q, QueueUrl=url, AttributeNames=["All"])
    e.read("sqs", "list_queues", q)
    e.read("sqs", "list_queue_tags", q, tagged=True, QueueUrl=url)
    t = arn("sns", "orders")
    e.make("sns", "create_topic", t, Name="orders", Tags=LIST)
    e.read("sns", "list_topics", t)
    e.read("sns", "get_topic_attributes", t, TopicArn=t)
    e.read("sns", "list_tags_for_resource", t, tagged=True, ResourceArn=t)
    e.make("sns", "subscribe", None, TopicArn=t, Protocol="sqs", Endpoint=q)
    k = arn("kinesis", "stream/clicks")
    e.make("kinesis", "create_stream", k, StreamName="clicks", ShardCount=1)
    e.read("kinesis", "describe_stream", k, StreamName="clicks")
    e.read("kinesis", "describe_stream_summary", k, StreamName="clicks")
    e.read("kinesis", "list_streams", k)
    d = arn("firehose", "deliverystream/sink")
    e.make("firehose", "create_delivery_stream", d, DeliveryStreamName="sink", S3DestinationConfiguration={"RoleARN": role, "BucketARN": "arn:aws:s3:::shop-data"}, Tags=LIST)
    e.read("firehose", "describe_delivery_stream", d, DeliveryStreamName="sink")
    e.read("firehose", "list_delivery_streams", d)
    r = arn("events", "rule/nightly")
    e.make("events", "put_rule", r, Name="nightly", ScheduleExpression="rate(1 day)", Tags=LIST)
    e.read("events", "describe_rule", r, Name="nightly")
    e.read("events", "list_rules", r)
    e.make("events", "create_event_bus", arn("events", "event-bus/shop"), Name="shop")
    e.read("events", "list_event_buses", arn("events", "event-bus/shop"))
    e.read("events", "describe_event_bus", arn("events", "event-bus/shop"), Name="shop")
    m = e.make("kafka", "create_cluster", lambda o: o["ClusterArn"], ClusterName="bus", KafkaVersion="3.5.1", NumberOfBrokerNodes=3, BrokerNodeGroupInfo={"ClientSubnets": ["subnet-0123456789abcdef0"], "InstanceType": "kafka.m5.large"}, Tags=TAGS)
    if m:
        e.read("kafka", "describe_cluster", m["ClusterArn"], tagged=True, ClusterArn=m["ClusterArn"])
        e.read("kafka", "list_clusters", m["ClusterArn"])


def edge(e):
    z = e.make("route53", "create_hosted_zone", lambda o: "arn:aws:route53:::hostedzone/" + o["HostedZone"]["Id"].split("/")[-1], Name="shop.example.com", CallerReference="1")
    if z:
        zid = z["HostedZone"]["Id"].split("/")[-1]
        zone = "arn:aws:route53:::hostedzone/" + zid
        e.read("route53", "get_hosted_zone", zone, Id=zid)
        e.read("route53", "list_hosted_zones", zone)
        e.read("route53", "list_hosted_zones_by_name", zone)
        e.make("route53", "change_tags_for_resource", None, ResourceType="hostedzone", ResourceId=zid, AddTags=LIST)
        e.read("route53", "list_tags_for_resource", zone, tagged=True, ResourceType="hostedzone", ResourceId=zid)
    h = e.make("route53", "create_health_check", lambda o: "arn:aws:route53:::healthcheck/" + o["HealthCheck"]["Id"], CallerReference="2", HealthCheckConfig={"Type": "HTTP", "IPAddress": "10.0.0.25", "Port": 80, "ResourcePath": "/", "RequestInterval": 10, "FailureThreshold": 2})
    if h:
        e.read("route53", "list_health_checks", "arn:aws:route53:::healthcheck/" + h["HealthCheck"]["Id"])
    c = e.make("acm", "request_certificate", lambda o: o["CertificateArn"], DomainName="shop.example.com", Tags=LIST)
    if c:
        e.read("acm", "describe_certificate", c["CertificateArn"], CertificateArn=c["CertificateArn"])
        e.read("acm", "list_certificates", c["CertificateArn"])
        e.read("acm", "list_tags_for_certificate", c["CertificateArn"], tagged=True, CertificateArn=c["CertificateArn"])
    g = lambda p, o: arn("apigateway", f"/restapis/{o['id']}", account="")
    a = e.make("apigateway", "create_rest_api", lambda o: g("", o), tagged=True, name="shop", tags=TAGS)
    if a:
        e.read("apigateway", "get_rest_api", g("", a), tagged=True, restApiId=a["id"])
        e.read("apigateway", "get_rest_apis", g("", a), tagged=True)
    v2 = lambda o: arn("apigateway", f"/apis/{o['ApiId']}", account="")
    a = e.make("apigatewayv2", "create_api", v2, tagged=True, Name="shop", ProtocolType="HTTP", Tags=TAGS)
    if a:
        e.read("apigatewayv2", "get_api", v2(a), tagged=True, ApiId=a["ApiId"])
        e.read("apigatewayv2", "get_apis", v2(a), tagged=True)
    cf = lambda d: arn("cloudfront", "distribution/" + d["Id"], region="")  # moto writes it without its region's colon
    d = e.make("cloudfront", "create_distribution", lambda o: cf(o["Distribution"]), DistributionConfig={"CallerReference": "1", "Origins": {"Quantity": 1, "Items": [{"Id": "o", "DomainName": "shop-data.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}]}, "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "MinTTL": 0, "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}}}, "Comment": "", "Enabled": True})
    if d:
        e.read("cloudfront", "get_distribution", cf(d["Distribution"]), Id=d["Distribution"]["Id"])
        e.read("cloudfront", "list_distributions", cf(d["Distribution"]))
    w = e.make("wafv2", "create_web_acl", lambda o: o["Summary"]["ARN"], Name="edge", Scope="REGIONAL", DefaultAction={"Allow": {}}, VisibilityConfig={"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}, Tags=LIST)
    if w:
        e.read("wafv2", "list_web_acls", w["Summary"]["ARN"], Scope="REGIONAL")
        e.read("wafv2", "get_web_acl", w["Summary"]["ARN"], Name="edge", Scope="REGIONAL", Id=w["Summary"]["Id"])


def operations(e, role):
    s = e.make("secretsmanager", "create_secret", lambda o: o["ARN"], Name="db/password", SecretString=SECRET, Tags=LIST)
    if s:
        e.read("secretsmanager", "describe_secret", s["ARN"], tagged=True, SecretId="db/password")
        e.read("secretsmanager", "list_secrets", s["ARN"], tagged=True)
        e.read("secretsmanager", "get_secret_value", s["ARN"], SecretId="db/password")
    p = arn("ssm", "parameter/shop/url")
    e.make("ssm", "put_parameter", p, Name="/shop/url", Value="https://shop", Type="String", Tags=LIST)
    e.make("ssm", "put_parameter", arn("ssm", "parameter/shop/token"), Name="/shop/token", Value=SECRET, Type="SecureString")
    e.read("ssm", "get_parameter", p, Name="/shop/url")
    e.read("ssm", "get_parameter", arn("ssm", "parameter/shop/token"), Name="/shop/token", WithDecryption=True)
    e.read("ssm", "describe_parameters", [p, arn("ssm", "parameter/shop/token")])
    e.read("ssm", "get_parameters_by_path", [p, arn("ssm", "parameter/shop/token")], Path="/shop", WithDecryption=True)
    e.make("ssm", "create_document", arn("ssm", "document/patch"), Name="patch", DocumentType="Command", DocumentFormat="JSON", Content=json.dumps({"schemaVersion": "2.2", "description": "x", "parameters": {}, "mainSteps": []}))
    e.read("ssm", "describe_document", arn("ssm", "document/patch"), Name="patch")
    g = arn("logs", "log-group:/shop/web")
    e.make("logs", "create_log_group", g, logGroupName="/shop/web", tags=TAGS)
    e.read("logs", "describe_log_groups", g)
    e.make("logs", "create_log_stream", [], logGroupName="/shop/web", logStreamName="a")
    m = arn("cloudwatch", "alarm:cpu")
    e.make("cloudwatch", "put_metric_alarm", m, AlarmName="cpu", MetricName="CPUUtilization", Namespace="AWS/EC2", Statistic="Average", Period=60, EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold", Tags=LIST)
    e.read("cloudwatch", "describe_alarms", m)
    e.make("cloudwatch", "put_dashboard", arn("cloudwatch", "dashboard/shop", region=""), DashboardName="shop", DashboardBody="{}")
    e.read("cloudwatch", "list_dashboards", arn("cloudwatch", "dashboard/shop", region=""))
    t = arn("cloudtrail", "trail/audit")
    e.make("s3", "create_bucket", "arn:aws:s3:::shop-trail", Bucket="shop-trail")
    e.make("cloudtrail", "create_trail", t, Name="audit", S3BucketName="shop-trail", TagsList=LIST)
    e.read("cloudtrail", "describe_trails", t)
    e.read("cloudtrail", "get_trail", t, Name="audit")
    e.read("cloudtrail", "list_trails", t)
    s = e.make("cloudformation", "create_stack", lambda o: o["StackId"], StackName="net", TemplateBody=json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "fromstack"}}}}), Tags=LIST)
    if s:
        e.read("cloudformation", "describe_stacks", s["StackId"], tagged=True, StackName="net")
        e.read("cloudformation", "list_stacks", s["StackId"])
        e.read("cloudformation", "describe_stack_resources", [], StackName="net")
    o = e.make("organizations", "create_organization", lambda o: o["Organization"]["Arn"], FeatureSet="ALL")
    if o:
        e.read("organizations", "describe_organization", o["Organization"]["Arn"])
        root = e.client("organizations").list_roots()["Roots"][0]["Id"]
        ou = e.make("organizations", "create_organizational_unit", lambda o: o["OrganizationalUnit"]["Arn"], ParentId=root, Name="shop")
        if ou:
            e.read("organizations", "describe_organizational_unit", ou["OrganizationalUnit"]["Arn"], OrganizationalUnitId=ou["OrganizationalUnit"]["Id"])
        pol = e.make("organizations", "create_policy", lambda o: o["Policy"]["PolicySummary"]["Arn"], Name="deny", Description="x", Type="SERVICE_CONTROL_POLICY", Content=POLICY)
        if pol:
            e.read("organizations", "list_policies", pol["Policy"]["PolicySummary"]["Arn"], Filter="SERVICE_CONTROL_POLICY")


@mock_aws
def main():
    e = Estate()
    e.read("sts", "get_caller_identity", [])
    ids = network(e)
    role = identity(e)
    key = storage(e, ids)
    databases(e, ids, key)
    compute(e, ids, role)
    messaging(e, role)
    edge(e)
    operations(e, role)
    for m in e.missing:
        print(m, file=sys.stderr)


main()
