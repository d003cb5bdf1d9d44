"""S3's operations on every shape of an S3 endpoint, with what has to be found in
each: the bucket, the key, the region, the account."""

import os

from botocore import UNSIGNED
from values import Generator

os.environ["AWS_S3_DISABLE_EXPRESS_SESSION_AUTH"] = "true"  # a session would have to be asked for
ACCOUNT = "123456789012"
BUCKET, KEY = "my-bucket", "a//b/../c+~é %2F/k"
POINT = "arn:aws:s3:us-east-1:123456789012:accesspoint/my-point"
LAMBDA = "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/my-point"
OUTPOST = "arn:aws:s3-outposts:us-east-1:123456789012:outpost/op-01234567890123456/accesspoint/my-point"
MRAP = "arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap"
EXPRESS = "my-bucket--use1-az4--x-s3"
VPCE = "vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com"


def shape(bucket=BUCKET, found=None, region="us-east-1", account="", endpoint=None, presign=False, service="s3", s3=None, **config):
    """region is what the call says of it: the global host and SigV2 say nothing."""
    if s3:
        config["s3"] = s3
    return dict(bucket=bucket, found=found or bucket, region=region, account=account, endpoint=endpoint, presign=presign, service=service, config=config)


SHAPES = {
    "virtual": shape(),
    "path style": shape(s3={"addressing_style": "path"}),
    "dotted bucket": shape("dotted.bucket"),
    "dotted bucket, virtual": shape("dotted.bucket", s3={"addressing_style": "virtual"}),
    "legacy global": shape(s3={"us_east_1_regional_endpoint": "legacy"}),
    "other region": shape(region="eu-west-1"),
    "dualstack": shape(use_dualstack_endpoint=True),
    "dualstack, path style": shape(use_dualstack_endpoint=True, s3={"addressing_style": "path"}),
    "fips": shape(use_fips_endpoint=True),
    "fips and dualstack": shape(use_fips_endpoint=True, use_dualstack_endpoint=True),
    "accelerate": shape(s3={"use_accelerate_endpoint": True}),
    "accelerate and dualstack": shape(use_dualstack_endpoint=True, s3={"use_accelerate_endpoint": True}),
    "china": shape(region="cn-north-1"),
    "govcloud": shape(region="us-gov-west-1"),
    "govcloud, fips": shape(region="us-gov-west-1", use_fips_endpoint=True),
    "iso": shape(region="us-iso-east-1"),
    "isob": shape(region="us-isob-east-1"),
    "isoe": shape(region="eu-isoe-west-1"),
    "isof": shape(region="us-isof-south-1"),
    "european sovereign cloud": shape(region="eusc-de-east-1"),
    "access point": shape(POINT, account=ACCOUNT),
    "access point, dualstack": shape(POINT, account=ACCOUNT, use_dualstack_endpoint=True),
    "access point, fips": shape(POINT, account=ACCOUNT, use_fips_endpoint=True),
    "access point, fips and dualstack": shape(POINT, account=ACCOUNT, use_fips_endpoint=True, use_dualstack_endpoint=True),
    "access point alias": shape("my-point-abcdefghijklmnopqrstuvwx12-s3alias"),
    "object lambda": shape(LAMBDA, account=ACCOUNT),
    "object lambda, fips": shape(LAMBDA, account=ACCOUNT, use_fips_endpoint=True),
    "outpost": shape(OUTPOST, account=ACCOUNT),
    "multi-region": shape(MRAP, "arn:aws:s3:::accesspoint/mfzwi23gnjvgw.mrap", region=""),
    "express": shape(EXPRESS),
    "express, fips": shape(EXPRESS, use_fips_endpoint=True),
    "express, dualstack": shape(EXPRESS, use_dualstack_endpoint=True),
    "VPC endpoint": shape(endpoint="https://bucket." + VPCE),
    "VPC endpoint, path style": shape(endpoint="https://bucket." + VPCE, s3={"addressing_style": "path"}),
    "VPC endpoint, access point": shape(POINT, account=ACCOUNT, endpoint="https://accesspoint." + VPCE),
    "localhost": shape(endpoint="http://localhost:9000"),
    "localhost, virtual": shape(endpoint="http://localhost:9000", s3={"addressing_style": "virtual"}),
    "address": shape(endpoint="http://127.0.0.1:5000"),
    "service name": shape(endpoint="http://minio:9000", s3={"addressing_style": "path"}),
    "other domain": shape(endpoint="https://s3.storage.example.com"),
    "other domain, virtual": shape(endpoint="https://s3.storage.example.com", s3={"addressing_style": "virtual"}),
    "unsigned": shape(signature_version=UNSIGNED, region=""),
    "version 2": shape(region="", signature_version="s3"),
    "version 2, path style": shape(region="", signature_version="s3", s3={"addressing_style": "path"}),
    "presigned": shape(presign=True, signature_version="s3v4"),
    "presigned, path style": shape(presign=True, signature_version="s3v4", s3={"addressing_style": "path"}),
    "presigned, version 2": shape(presign=True, signature_version="s3", region=""),
    "presigned, access point": shape(POINT, account=ACCOUNT, presign=True, signature_version="s3v4"),
    "control": shape(service="s3control", account=ACCOUNT),
    "control, dualstack": shape(service="s3control", account=ACCOUNT, use_dualstack_endpoint=True),
    "control, fips": shape(service="s3control", account=ACCOUNT, use_fips_endpoint=True),
    "control, china": shape(service="s3control", account=ACCOUNT, region="cn-north-1"),
    "control, VPC endpoint": shape(service="s3control", account=ACCOUNT, endpoint="https://control." + VPCE),
}


def names():
    return list(SHAPES)


def rows(name, session, writer, config):
    s = SHAPES[name]
    client = session.create_client(s["service"], region_name=s["region"] or "us-east-1", endpoint_url=s["endpoint"],
                                   config=config(parameter_validation=False, **s["config"]))
    model, w = client.meta.service_model, writer(client)
    fixed = {"Bucket": s["bucket"], "Key": KEY, "CopySource": "my-bucket/other", "AccountId": ACCOUNT}
    for op in map(model.operation_model, model.operation_names):
        members = op.input_shape.members if op.input_shape else {}
        if s["service"] == "s3" and "Bucket" not in members:
            continue
        made = Generator(fixed).value(op.input_shape, "body")[0]
        params = {m: made[m] for m in op.input_shape.required_members if m in made}
        row = {"service": s["service"], "operation": op.name, "shape": name, "found": {"Region": s["region"]}}
        if s["service"] == "s3":
            row["found"].update(Bucket=s["found"], Key=KEY if "Key" in params else "")
        if s["account"] and (s["service"] == "s3" or "AccountId" in params):
            row["found"]["Account"] = s["account"]
        if not s["presign"]:
            yield w.write(op.name, params, row)
            continue
        yield w.presign(op, params, row)
