# make        what there is
# make demo   an agent, a cloud on loopback, and assent in between
# make test   everything: vet, lint, unit, scripts, layers, end to end
SHELL := /bin/bash
.DEFAULT_GOAL := help

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -s -w -X main.version=$(VERSION)
BENCH    ?= .
# The packages whose tests need a whole cloud or control plane.
REAL     := /cmd/assent/e2e$$|/cmd/internal/k8sboxtest$$
BENCHTIME ?= 1s
# A test that fails is run once more on its own: with several real programs on a busy
# machine one may be late. What then passes is named as failed once at the end, and is
# a fault of the test's. More than three that fail are not tried again.
RUN      := gotestsum --format pkgname --hide-summary skipped --rerun-fails=1 --rerun-fails-max-failures 3 --rerun-fails-run-root-test

# Tools set up by .ci/tools.sh win over the machine's.
export PATH := $(CURDIR)/.tools/venv/bin:$(CURDIR)/.tools/bin:$(PATH)
export CGO_ENABLED ?= 0

.PHONY: help build demo test lint unit e2e bench fuzz aws-exam tables k8sbox cross clean

help: ## what there is
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

build: ## bin/assent and bin/assent-verify
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/assent ./cmd/assent-verify

demo: build ## an agent, a cloud on loopback, and assent in between (under a minute)
	@.ci/tools.sh cloud
	@deploy/demo/run.sh

test: build lint tables unit e2e cross ## everything; what CI runs

lint: ## vet, format, staticcheck, and govulncheck where its database can be had
	@.ci/tools.sh lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'lint: run gofmt' >&2; exit 1; }
	$(GO) vet ./...
	staticcheck ./...
	@.ci/vulncheck.sh

unit: ## every package but the end-to-end tests
	@.ci/tools.sh runner cloud exam pg
	$(RUN) --packages "$$($(GO) list ./... | grep -vE '$(REAL)' | xargs)" -- -timeout 30m

e2e: build ## real clients against real parts
	@.ci/tools.sh runner cloud audit js kube net pg
	$(RUN) --packages "$$($(GO) list ./... | grep -E '$(REAL)' | xargs)" -- -count=1 -timeout 50m

bench: ## every figure in the documents, as ratios measured side by side
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) ./...
	cd policy/beside && $(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) .
	cd ledger/store/beside && $(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) .

fuzz: ## each fuzz target for FUZZTIME (default 20s)
	@.ci/fuzz.sh $(or $(FUZZTIME),20s)

aws-exam: ## every AWS operation as two SDKs write it, nothing sent: what is identified, read, unknown (two minutes, once)
	@.ci/tools.sh cloud exam
	@ASSENT_AWS_EXAM=all $(GO) test -count=1 -v -run 'Test' ./decoders/aws/internal/exam | grep -vE '^(===|---)'

tables: ## compile the AWS table again from its pinned sources; CI wants no difference
	@decoders/aws/tables.sh
	@git diff --exit-code -- decoders/aws/table

k8sbox: ## a real Kubernetes control plane in one binary, of two versions (a quarter of an hour, once)
	@.ci/tools.sh kube

cross: ## that it builds, without cgo, everywhere it is meant to run
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
	  echo "build $$os/$$arch"; GOOS=$$os GOARCH=$$arch $(GO) build -o /dev/null ./cmd/... || exit 1; done; done

clean: ## remove what was built (tools stay: rm -rf .tools)
	rm -rf bin dist
