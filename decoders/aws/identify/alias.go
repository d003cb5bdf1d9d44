package identify

import "github.com/assent-iom/assent/decoders/aws/table"

// sameAPI maps a service to the one it is answered by under the same host,
// signing name, version and operation names: on the wire they are one API.
var sameAPI = map[string]string{
	"docdb": "rds", "neptune": "rds",
	"signer-data":        "signer",
	"wisdom":             "qconnect",
	"sms-voice":          "pinpoint-sms-voice",
	"greengrassv2":       "greengrass",
	"simpledbv2":         "sdb",
	"opensearch":         "es",
	"connectcampaignsv2": "connectcampaigns",
}

// sameOperation maps S3's deprecated twins to the operation that has the same
// wire form.
var sameOperation = map[string]string{
	"s3:GetBucketLifecycle": "GetBucketLifecycleConfiguration", "s3:PutBucketLifecycle": "PutBucketLifecycleConfiguration",
	"s3:GetBucketNotification": "GetBucketNotificationConfiguration", "s3:PutBucketNotification": "PutBucketNotificationConfiguration",
	"s3:ListDirectoryBuckets": "ListBuckets",
}

// canonical drops, of operations that are the same call under several names, all
// but the one that stands for them.
func canonical(ops []*table.Operation) []*table.Operation {
	if len(ops) < 2 {
		return ops
	}
	var out []*table.Operation
	for _, op := range ops {
		if !replaced(op, ops) {
			out = append(out, op)
		}
	}
	return out
}

func replaced(op *table.Operation, by []*table.Operation) bool {
	for _, other := range by {
		if other == op {
			continue
		}
		if retired(op) && !retired(other) {
			return true
		}
		if other.Name == op.Name && sameAPI[op.Service.Name] == other.Service.Name {
			return true
		}
		if other.Service == op.Service && sameOperation[op.Service.Name+":"+op.Name] == other.Name {
			return true
		}
	}
	return false
}

// retired operations give way to any that AWS still has.
func retired(op *table.Operation) bool { return op.Retired || op.Service.Retired }

// Canonical names the operation that stands for a call which several services, or
// two names of one, write in the same way: SERVICE:OPERATION.
func Canonical(service, operation string) string {
	if s, ok := sameAPI[service]; ok {
		service = s
	}
	if o, ok := sameOperation[service+":"+operation]; ok {
		operation = o
	}
	return service + ":" + operation
}
