package aws

import (
	"context"
	"reflect"
	"sync"
	"testing"

	"github.com/assent-iom/assent/decoders/aws/table"
	"github.com/assent-iom/assent/model"
)

// A Live decoder stands for a Decoder: what that can do, it can.
func TestLiveCanDoAllThatADecoderCan(t *testing.T) {
	live := reflect.TypeFor[*Live]()
	for m := range reflect.TypeFor[*Decoder]().NumMethod() {
		if name := reflect.TypeFor[*Decoder]().Method(m).Name; !has(live, name) {
			t.Errorf("Live has no %s", name)
		}
	}
}

func has(t reflect.Type, name string) bool { _, ok := t.MethodByName(name); return ok }

// Each decision names the table it was made with, also while tables are swapped
// under calls that are being read.
func TestASwappedTableIsTheOneThatActionsName(t *testing.T) {
	full, err := table.Open()
	if err != nil {
		t.Fatal(err)
	}
	// A table that knows SQS alone.
	sqs, _ := full.Service("sqs")
	info, _ := full.Info("sqs")
	data, err := table.Encode(table.Contents{Partitions: full.Partitions, Infos: []*table.Info{{
		Service: *sqs, SigningNames: info.SigningNames, HostLabels: info.HostLabels}}})
	if err != nil {
		t.Fatal(err)
	}
	small, err := table.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	live, err := NewLive(full)
	if err != nil {
		t.Fatal(err)
	}
	decode := func() model.Action {
		a, err := live.Decode(context.Background(), jsonCall(t, "dynamodb.us-east-1.amazonaws.com", "dynamodb", "DynamoDB_20120810.DeleteTable", `{"TableName":"t"}`))
		if err != nil {
			t.Error(err)
		}
		return a
	}
	if a := decode(); a.Verb != model.Delete || a.Decoder != "aws 1 "+full.Hash() {
		t.Errorf("before: %s by %q", a.Verb, a.Decoder)
	}
	live.Swap(small)
	if a := decode(); a.Verb != model.Unknown || a.Decoder != "aws 1 "+small.Hash() {
		t.Errorf("after: %s by %q", a.Verb, a.Decoder)
	}
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for range 50 {
				a := decode()
				switch {
				case a.Verb == model.Delete && a.Decoder == "aws 1 "+full.Hash():
				case a.Verb == model.Unknown && a.Decoder == "aws 1 "+small.Hash():
				default:
					t.Errorf("%s by %q", a.Verb, a.Decoder)
				}
			}
		})
	}
	for range 20 {
		live.Swap(full)
		live.Swap(small)
	}
	calls.Wait()
}
