package doctor

import (
	"context"

	awstable "github.com/assent-iom/assent/decoders/aws/table"
)

// awsTable says which table of AWS's service models is in force.
func awsTable(_ context.Context, p Params) Result {
	dir := ""
	if p.Config != nil {
		dir = p.Config.Tables
	}
	n, err := awstable.OpenNewest(dir)
	switch {
	case n.Table == nil:
		return fail("install the program again", "%v", err)
	case err != nil:
		return warn("assent models reset, or compile it again: assent models update", "the embedded table is used: %v", err)
	}
	from := "embedded"
	if n.Own {
		from = "compiled on this machine"
	}
	return ok("%s, botocore %s, %s", n.Table.Hash(), n.Manifest.Sources["botocore"].Version, from)
}
