// Command awssdk makes signed calls with aws-sdk-go-v2, which, unlike boto3,
// signs Accept-Encoding and Content-Length, and counts signature mismatches. With
// the argument "refused" it makes a call in rpc-v2-cbor, which boto3 does not
// speak, and in others, and checks how each refusal arrives; with "keys" it uses object keys that
// break naive proxies, and CBOR. It is a module of its own so that
// the product does not depend on the SDK.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func main() {
	what := map[string]func(context.Context) error{"refused": refused, "keys": keys}
	if len(os.Args) > 1 {
		if err := what[os.Args[1]](context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	calls, mismatches, err := run(context.Background())
	fmt.Printf("%d signed calls, %d mismatches\n", calls, mismatches)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || mismatches > 0 {
		os.Exit(1)
	}
}

// watch looks at each attempt as it goes out.
func watch(sent *int, cbor *bool) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("watch", func(
			ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
		) (middleware.DeserializeOutput, middleware.Metadata, error) {
			if r, ok := in.Request.(*smithyhttp.Request); ok {
				*sent++
				*cbor = r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor"
			}
			return next.HandleDeserialize(ctx, in)
		}), middleware.After)
	}
}

// keys puts and deletes objects with the keys that break naive proxies.
func keys(ctx context.Context) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	store, bucket, calls := s3.NewFromConfig(cfg), aws.String("acme"), 0
	for _, key := range []string{"plain", "ü/€", "a%2Fb", "d//e", "../x", "~x!*()'", "a[1]{x}", "sp ace+plus", "folder/", "q?a=b&c", "#hash"} {
		if _, err := store.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(make([]byte, 1000))}); err != nil {
			return fmt.Errorf("PutObject %s: %w", key, err)
		}
		if _, err := store.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: &key}); err != nil {
			return fmt.Errorf("DeleteObject %s: %w", key, err)
		}
		calls += 2
	}
	if _, err := cloudwatch.NewFromConfig(cfg).DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"checkout-down"}}); err != nil {
		return fmt.Errorf("DeleteAlarms, in CBOR: %w", err)
	}
	fmt.Printf("%d signed calls, 0 mismatches\n", calls+1)
	return nil
}

// refused makes a call in each protocol that these clients speak and checks how
// its refusal arrives.
func refused(ctx context.Context) error {
	sent, cbor := 0, false
	cfg, err := config.LoadDefaultConfig(ctx, config.WithAPIOptions([]func(*middleware.Stack) error{watch(&sent, &cbor)}))
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"rpc-v2-cbor", func() error {
			_, err := cloudwatch.NewFromConfig(cfg).DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{"checkout-down"}})
			return err
		}},
		{"json", func() error {
			_, err := dynamodb.NewFromConfig(cfg).DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String("orders")})
			return err
		}},
		{"s3", func() error {
			_, err := s3.NewFromConfig(cfg).DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String("orders")})
			return err
		}},
		{"query", func() error {
			_, err := sns.NewFromConfig(cfg).DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: aws.String("arn:aws:sns:us-east-1:123456789012:orders")})
			return err
		}},
		{"rest-json", func() error {
			_, err := lambda.NewFromConfig(cfg).DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String("checkout")})
			return err
		}},
		{"rest-xml", func() error {
			_, err := route53.NewFromConfig(cfg).DeleteHostedZone(ctx, &route53.DeleteHostedZoneInput{Id: aws.String("Z1")})
			return err
		}},
	} {
		sent = 0
		if err := refusal(c.call()); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if sent != 1 || cbor != (c.name == "rpc-v2-cbor") {
			return fmt.Errorf("%s: %d requests were sent, in CBOR: %v", c.name, sent, cbor)
		}
	}
	fmt.Println("the refusal is a typed error")
	return nil
}

// refusal checks that an error is a refusal with the decision's id wherever the SDK
// looks for a request's.
func refusal(err error) error {
	var api smithy.APIError
	switch {
	case !errors.As(err, &api):
		return fmt.Errorf("not a typed error: %v", err)
	case api.ErrorCode() != "AssentDenied" || !strings.HasPrefix(api.ErrorMessage(), "assent refused this call: "):
		return fmt.Errorf("code %q, message %q", api.ErrorCode(), api.ErrorMessage())
	}
	var response interface{ ServiceRequestID() string }
	if !errors.As(err, &response) || !strings.HasPrefix(response.ServiceRequestID(), "dec_") {
		return fmt.Errorf("no decision id as the request id: %v", err)
	}
	var host interface{ ServiceHostID() string }
	if errors.As(err, &host) && !strings.HasPrefix(host.ServiceHostID(), "dec_") {
		return fmt.Errorf("no decision id as S3's host id: %v", err)
	}
	return nil
}

func run(ctx context.Context) (calls, mismatches int, err error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return 0, 0, err
	}
	check := func(what string, e error) {
		calls++
		var api smithy.APIError
		switch {
		case e == nil:
		case errors.As(e, &api) && (api.ErrorCode() == "SignatureDoesNotMatch" || api.ErrorCode() == "InvalidSignatureException"):
			mismatches++
			fmt.Fprintln(os.Stderr, what, e)
		case err == nil:
			err = fmt.Errorf("%s: %w", what, e)
		}
	}

	store := s3.NewFromConfig(cfg)
	bucket := aws.String("acme-sdk")
	_, e := store.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket})
	check("CreateBucket", e)
	for _, key := range []string{"plain", "d//e"} { // moto cannot check odder ones: see keys
		body := []byte("hello " + key)
		_, e = store.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: bytes.NewReader(body)})
		check("PutObject "+key, e)
		got, e := store.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String(key)})
		check("GetObject "+key, e)
		if e == nil {
			data, _ := io.ReadAll(got.Body)
			got.Body.Close()
			if !bytes.Equal(data, body) && err == nil {
				err = fmt.Errorf("GetObject %s: got %q", key, data)
			}
		}
	}
	_, e = store.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	check("ListObjectsV2", e)

	db := dynamodb.NewFromConfig(cfg)
	table := aws.String("sdk")
	_, e = db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: table, BillingMode: dbtypes.BillingModePayPerRequest,
		AttributeDefinitions: []dbtypes.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: dbtypes.ScalarAttributeTypeS}},
		KeySchema:            []dbtypes.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: dbtypes.KeyTypeHash}},
	})
	check("CreateTable", e)
	for i := range 5 {
		_, e = db.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: map[string]dbtypes.AttributeValue{
			"id": &dbtypes.AttributeValueMemberS{Value: fmt.Sprint("ü", i)},
		}})
		check("PutItem", e)
	}
	_, e = sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	check("GetCallerIdentity", e)
	return calls, mismatches, err
}
