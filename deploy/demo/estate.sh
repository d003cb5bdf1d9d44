#!/bin/sh
# A small estate, made by a person: a network, a firewall, and a machine that
# serves a fixed address, a route and a load balancer. It prints the ids.
set -eu
q() { aws --output text "$@"; }
vpc=$(q ec2 create-vpc --cidr-block 10.0.0.0/16 --query Vpc.VpcId)
subnet=$(q ec2 create-subnet --vpc-id "$vpc" --cidr-block 10.0.1.0/24 --query Subnet.SubnetId)
group=$(q ec2 create-security-group --group-name web --description "web servers" --vpc-id "$vpc" --query GroupId)
image=$(q ec2 describe-images --owners amazon --query 'Images[0].ImageId')
machine=$(q ec2 run-instances --image-id "$image" --instance-type t3.micro --subnet-id "$subnet" \
  --security-group-ids "$group" \
  --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=web-1},{Key=team,Value=checkout}]' \
  --query 'Instances[0].InstanceId')
address=$(q ec2 allocate-address --domain vpc --query AllocationId)
q ec2 associate-address --allocation-id "$address" --instance-id "$machine" >/dev/null
balancer=$(q elbv2 create-target-group --name web --protocol HTTP --port 80 --vpc-id "$vpc" \
  --query 'TargetGroups[0].TargetGroupArn')
q elbv2 register-targets --target-group-arn "$balancer" --targets "Id=$machine"
printf 'group=%s\nmachine=%s\n' "$group" "$machine"
