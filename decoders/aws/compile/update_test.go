package compile

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-iom/assent/decoders/aws/table"
)

const partitions = `{"partitions": [{"id": "aws", "regionRegex": "^us-\\w+-\\d+$", "outputs": {"dnsSuffix": "amazonaws.com"}}]}`

// model is a service model of one rest-json service.
func model(version, operations string) string {
	return `{"metadata": {"apiVersion": "` + version + `", "endpointPrefix": "shop", "protocol": "rest-json", "serviceId": "Shop"},
		"operations": {` + operations + `},
		"shapes": {"In": {"type": "structure", "members": {"Id": {"shape": "Id", "location": "uri", "locationName": "Id"}}}, "Id": {"type": "string"}}}`
}

func operation(name, method, uri string) string {
	return `"` + name + `": {"http": {"method": "` + method + `", "requestUri": "` + uri + `"}, "input": {"shape": "In"}}`
}

// install writes a botocore package of one service.
func install(t *testing.T, version, service, text string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "botocore")
	write(t, dir, map[string]string{
		"__init__.py": "__version__ = '" + version + "'\n", "data/partitions.json": partitions,
		"data/" + service + "/2020-01-01/service-2.json": text,
	})
	return dir
}

// base is a table of one service with known access levels.
func base(t *testing.T) Base {
	t.Helper()
	dir := install(t, "1.40.0", "shop", model("2020-01-01", operation("GetCart", "GET", "/v1/carts/{Id}")+","+operation("DropCart", "DELETE", "/v1/carts/{Id}")))
	data := filepath.Join(dir, "data")
	parts, err := readPartitions(filepath.Join(data, "partitions.json"))
	if err != nil {
		t.Fatal(err)
	}
	services, err := readServices(data, parts)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range services.infos[0].Operations {
		op.Access, op.IAMActions = table.AccessRead, []string{"shop:" + op.Name}
		if op.Name == "DropCart" {
			op.Access = table.AccessWrite
		}
	}
	res, err := finish(table.Contents{Partitions: parts, Infos: services.infos, CFN: []table.CFNType{{Name: "AWS::Shop::Cart"}}},
		map[string]table.Source{"botocore": {Version: "1.40.0"}, "cfn-lint": {Version: "1.0.0"}})
	if err != nil {
		t.Fatal(err)
	}
	tbl, err := table.Parse(res.Table)
	if err != nil {
		t.Fatal(err)
	}
	return Base{Table: tbl, Manifest: res.Manifest}
}

func TestUpdateKeepsWhatTheNewModelsDoNotGive(t *testing.T) {
	dir := install(t, "1.41.0", "shop", model("2020-01-01", operation("GetCart", "GET", "/v2/carts/{Id}")+","+operation("DescribeTill", "GET", "/v2/tills/{Id}")))
	for _, given := range []string{dir, filepath.Join(dir, "data"), filepath.Dir(dir)} {
		res, err := Update(base(t), Sources{Botocore: given}, false)
		if err != nil {
			t.Fatal(err)
		}
		tbl, err := table.Parse(res.Table)
		if err != nil {
			t.Fatal(err)
		}
		shop, ok := tbl.Service("shop")
		if !ok {
			t.Fatal("no shop")
		}
		get, _ := shop.Operation("GetCart")
		if get.URI != "/v2/carts/{Id}" || get.Access != table.AccessRead || len(get.Older) != 1 || get.Older[0].URI != "/v1/carts/{Id}" {
			t.Errorf("GetCart is %+v", get)
		}
		if drop, ok := shop.Operation("DropCart"); !ok || !drop.Retired || drop.Access != table.AccessWrite {
			t.Errorf("an operation that is gone is %+v", drop)
		}
		if _, ok := tbl.CFN("AWS::Shop::Cart"); !ok {
			t.Error("the base's CloudFormation types are gone")
		}
		if s := res.Manifest.Sources; s["botocore"].Version != "1.41.0" || s["cfn-lint"].Version != "1.0.0" {
			t.Errorf("made from %+v", s)
		}
	}
}

// An operation whose access level nobody gives is unknown, however harmless its
// name sounds.
func TestANewOperationIsNeverARead(t *testing.T) {
	dir := install(t, "1.41.0", "shop", model("2020-01-01", operation("DescribeTill", "GET", "/v2/tills/{Id}")))
	iam := t.TempDir()
	write(t, iam, map[string]string{
		"package.json": `{"version": "1.0.20261001"}`, "data/actions/shop.json": `{}`, "data/resourceTypes/shop.json": `{}`,
	})
	for _, with := range []string{"", iam} {
		res, err := Update(base(t), Sources{Botocore: dir, IAM: with}, false)
		if err != nil {
			t.Fatal(err)
		}
		tbl, err := table.Parse(res.Table)
		if err != nil {
			t.Fatal(err)
		}
		shop, _ := tbl.Service("shop")
		if op, _ := shop.Operation("DescribeTill"); op.Access != table.AccessUnknown {
			t.Errorf("with the reference %q it is %s", with, op.Access)
		}
	}
}

func TestUpdateTakesNewLevels(t *testing.T) {
	dir := install(t, "1.41.0", "shop", model("2020-01-01", operation("GetCart", "GET", "/v1/carts/{Id}")+","+operation("DescribeTill", "GET", "/v2/tills/{Id}")))
	iam := t.TempDir()
	write(t, iam, map[string]string{
		"package.json":                 `{"version": "1.0.20261001"}`,
		"data/actions/shop.json":       `{"getcart": {"name": "GetCart", "accessLevel": "Write"}, "describetill": {"name": "DescribeTill", "accessLevel": "Read"}}`,
		"data/resourceTypes/shop.json": `{}`,
	})
	b := base(t)
	b.Overrides = []byte(`- {service: shop, operation: DescribeTill, access: reveal, reason: "the combination"}` + "\n" +
		`- {service: gone, operation: DescribeTill, access: reveal, reason: "a service that is no more"}`)
	res, err := Update(b, Sources{Botocore: dir, IAM: iam}, false)
	if err != nil {
		t.Fatal(err)
	}
	if res.Manifest.AsOf != "2026-10-01" {
		t.Errorf("as of %q", res.Manifest.AsOf)
	}
	tbl, err := table.Parse(res.Table)
	if err != nil {
		t.Fatal(err)
	}
	shop, _ := tbl.Service("shop")
	get, _ := shop.Operation("GetCart")
	till, _ := shop.Operation("DescribeTill")
	if get.Access != table.AccessWrite || till.Access != table.AccessReveal || till.AWSAccess != table.AccessRead {
		t.Errorf("GetCart is %s, DescribeTill is %s and to AWS %s", get.Access, till.Access, till.AWSAccess)
	}
}

func TestUpdateRefuses(t *testing.T) {
	dir := install(t, "1.39.9", "shop", model("2020-01-01", operation("GetCart", "GET", "/v1/carts/{Id}")))
	if _, err := Update(base(t), Sources{Botocore: dir}, false); !errors.Is(err, ErrOlder) || !strings.Contains(err.Error(), "1.39.9") {
		t.Errorf("older models: %v", err)
	}
	if _, err := Update(base(t), Sources{Botocore: dir}, true); err != nil {
		t.Errorf("older models, by force: %v", err)
	}
	if _, err := Update(base(t), Sources{Botocore: t.TempDir()}, false); err == nil || !strings.Contains(err.Error(), "is not a botocore package") {
		t.Errorf("an empty folder: %v", err)
	}
	broken := install(t, "1.41.0", "shop", `{"metadata": `)
	if _, err := Update(base(t), Sources{Botocore: broken}, false); err == nil || !strings.Contains(err.Error(), "service-2.json") {
		t.Errorf("a broken model: %v", err)
	}
}
