# What there is to do here. `make` alone lists the targets.

GO ?= go
# What `relay version` prints.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LINT = $(GO) tool -modfile=tools/go.mod golangci-lint

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: dev
dev: ## run the relay with Redis and Step Functions in one process
	$(GO) run ./cmd/relay dev

.PHONY: setup
setup: ## install what the tests need, where that is allowed
	@./test-setup

.PHONY: test
test: setup ## run every test, with the race detector, against a real redis-server
	CI=true $(GO) test -race ./...

.PHONY: lint
lint: ## run the linters
	$(LINT) run ./...

.PHONY: fmt
fmt: ## format the code
	gofmt -w .

.PHONY: docs
docs: ## write the generated documentation anew
	$(GO) run ./cmd/relay config doc > docs/configuration.md

.PHONY: bench
bench: setup ## compare the relay with a handler that promises nothing
	$(GO) run ./bench

.PHONY: build
build: ## build the release binary into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -tags release \
		-ldflags "-s -w -X main.version=$(VERSION)" -o bin/relay ./cmd/relay
