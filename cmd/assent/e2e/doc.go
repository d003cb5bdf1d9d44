// Package e2e holds the end-to-end tests: the assent program, built as a user
// would build it, between real clients (the aws CLI, boto3, aws-sdk-go-v2,
// terraform, kubectl, curl) and real parts (moto with signature checks, a real
// kube-apiserver). It has no code of its own.
//
// A test whose tool is missing says loudly what was not run; with CI set it
// fails instead.
package e2e
