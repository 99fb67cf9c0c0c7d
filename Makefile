# Targets for development. `make` alone lists them.

GO ?= go
# What `relay version` prints.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LINT = $(GO) tool -modfile=tools/go.mod golangci-lint

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: dev
dev: ## run the relay with Redis and Step Functions in one process
	$(GO) run ./cmd/relay dev

.PHONY: setup
setup: ## install what the tests need, if that is allowed
	@./test-setup

.PHONY: test
test: setup ## run every test, with the race detector, against a real redis-server
	CI=true $(GO) test -race $$($(GO) list ./... | grep -v /faults$$)
	CI=true $(GO) test -race -v ./faults
	cd deploy/checks && $(GO) tool -n helm >/dev/null # built before the test, whose time is limited
	cd deploy/checks && CI=true $(GO) test ./...

# Without the race detector, and with -short, which starts no other program. Many
# tests mostly wait, so more of them run at once than there are processors.
.PHONY: quick
quick: ## run the tests that need no browser, no server and no faults: about a minute
	$(GO) test -short -parallel 4 ./...

.PHONY: image-test
image-test: ## build the image without a daemon, and run it on a read-only root
	@./test-setup redis-server buildah
	$$([ $$(id -u) -eq 0 ] || echo buildah unshare) $(GO) test -count 1 -timeout 20m -v ./deploy/image -image

# For example: make soak FOR=8h SEED=7
FOR ?= 1h
SEED ?= 1

.PHONY: soak
soak: setup ## run the relay under faults for FOR, an hour by default, beginning with SEED
	$(GO) test -timeout 0 -v -run '^TestFaults$$' ./faults -for $(FOR) -seed $(SEED)

.PHONY: breaks
breaks: setup ## break the relay on purpose, and check that the fault suite notices
	$(GO) test -timeout 0 -v -run '^TestBreaks$$' ./faults -breaks

.PHONY: pairs
pairs: setup ## give 10,000 events to as many tasks, in any order, while replicas are killed
	$(GO) test -count 1 -timeout 0 -v -run '^TestPairs$$' ./faults -pairs 10000 -seed $(SEED)

# For another release: make attacks BINARY=/path/to/relay
.PHONY: attacks
attacks: setup ## attack the release binary with idle connections, slow bodies, large pages and heartbeats
	$(GO) test -count 1 -timeout 0 -v -run '^TestAttack' ./faults -test.parallel 1 $(if $(BINARY),-binary $(abspath $(BINARY)))

.PHONY: backlog
backlog: setup ## deliver 100,000 waiting answers through a quota of 500 calls a second
	$(GO) test -timeout 0 -v -run '^TestBacklog$$' ./faults -backlog 100000

.PHONY: screenshots
screenshots: setup ## take pictures of every page, in light and dark, on a desktop, a phone and paper, into tmp/
	@rm -rf tmp/screenshots
	CI=true $(GO) test -count 1 -v -run '^TestPagesAreAccessible$$' ./cmd/relay -screenshots $(CURDIR)/tmp/screenshots
	CI=true $(GO) test -count 1 -v -run '^(TestInBrowser|TestEveryLanguageFits)$$' ./pages -screenshots $(CURDIR)/tmp/screenshots

FUZZTIME ?= 10s

.PHONY: fuzz
fuzz: ## fuzz every target in turn, each for FUZZTIME
	@set -e; for file in $$(git ls-files '*_fuzz_test.go'); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' $$file); do \
			echo "$$target in $$file"; \
			$(GO) test ./$$(dirname $$file) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x; \
		done; \
	done

.PHONY: lint
lint: ## run the linters
	$(LINT) run ./...
	cd deploy/checks && $(GO) tool -modfile=../../tools/go.mod golangci-lint run ./...

.PHONY: fmt
fmt: ## format the code
	gofmt -w .

.PHONY: docs
docs: ## regenerate the documentation
	$(GO) run ./cmd/relay config doc > docs/configuration.md
	$(GO) run ./cmd/relay senders doc docs/senders.md

.PHONY: bench
bench: setup ## compare the relay with a handler that promises nothing, in less than 15 minutes
	$(GO) run ./bench

.PHONY: bench-smoke
bench-smoke: setup ## compare both in less than 2 minutes, and fail if a ratio is far from its aim, or from the published one
	$(GO) run ./bench -smoke

.PHONY: bench-million
bench-million: setup ## compare a million pending callbacks with a thousand
	$(GO) run ./bench -million

.PHONY: bench-docs
bench-docs: setup ## run the benchmark, and write its figures into the documentation
	$(GO) run ./bench -markdown docs/benchmarks.md -svg docs/benchmarks.svg -scaling docs/scaling.md

.PHONY: sizes
sizes: setup ## measure how much Redis memory callbacks use
	$(GO) run ./bench -sizes

.PHONY: build
build: ## build the release binary into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -tags release,nethttpomithttp2 \
		-ldflags "-s -w -X main.version=$(VERSION)" -o bin/relay ./cmd/relay
