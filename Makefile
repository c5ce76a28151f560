# Every target needs only Go, git, make and a C compiler (for the race detector). Tools are built into bin/, in the
# versions that hack/tools/go.mod pins; etcd and kube-apiserver come from hack/controlplane.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/bin:$(PATH)

# What is generated, and therefore verified.
CHART := charts/saga-operator
GENERATED := api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml docs/reference.md \
	$(CHART)/charts/crds/templates $(CHART)/files $(CHART)/README.md \
	$(addprefix $(CHART)/templates/,_rules.tpl crd-orderworkflows.yaml policies.yaml rbac-aggregated.yaml)
# The packages whose tests talk to a broker, which test/kafkatest gives them; test/faults is called by name.
KAFKA_PACKAGES = $$(go list -test -f '{{.ImportPath}} {{.Deps}}' ./... | \
	awk '/^[^ ]+\.test .*\/test\/kafkatest/ {sub(/\.test$$/, "", $$1); print $$1}' | grep -v /test/faults)
MODULES := . hack/tools hack/tools/helm hack/tools/helm-unittest hack/tools/kubeconform hack/controlplane test/manifests test/gitops hack/kind

# What is built for users: programs and image of this version, by default for this machine's architecture.
IMAGE ?= saga-operator
VERSION ?= $(shell cat internal/version/VERSION)
ARCH ?= $(shell go env GOARCH)
BUILDER ?= here

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)


.PHONY: demo
demo: ## Run orders end to end on this machine, watch them, leave nothing running
	@CGO_ENABLED=0 go build -trimpath -o bin/demo ./cmd/demo && exec bin/demo $(ARGS)

.PHONY: demo-samples
demo-samples: ## Run the other samples likewise: trips, deliveries by drone, transfers, subscriptions
	@CGO_ENABLED=0 go build -trimpath -o bin/demo ./cmd/demo && exec bin/demo samples $(ARGS)

.PHONY: dev
dev: ## Run the demo's parts until Ctrl-C and print the KUBECONFIG line
	@CGO_ENABLED=0 go build -trimpath -o bin/demo ./cmd/demo && exec bin/demo --keep $(ARGS)


.PHONY: test
test: ## Run all tests with the race detector, on the embedded broker; and 20,000 random lives of sagas without it
	@hack/controlplane/build --controller-manager >/dev/null
	go test -timeout 10m ./internal/simulate/...
	go test -race -timeout 20m ./...

.PHONY: fuzz-engine
fuzz-engine: ## Play N=1000000 random lives of random sagas, from SEED=1 on (tens of minutes)
	go test -count=1 -timeout 24h -v -run 'Whatever|Anew|Adopted' ./internal/simulate -schedules=$(or $(N),1000000) -seed=$(or $(SEED),1)

.PHONY: fuzz-engine-mutants
fuzz-engine-mutants: ## Break the engine on purpose, in a copy, and check that random lives find it
	go run ./hack/mutants

.PHONY: test-kafka
test-kafka: ## Run the tests that use Kafka, and the fault tests, on Apache Kafka (or on KAFKA_BROKERS)
	@hack/controlplane/build --controller-manager >/dev/null
	@$(on-kafka); go test -race -count=1 -p 1 -timeout 20m $(KAFKA_PACKAGES); \
		FAULTS=1 go test -count=1 -timeout 45m -parallel 3 -v ./test/faults/...

.PHONY: test-gitops
test-gitops: ## Ask the code of Argo CD and Flux what they make of our objects and examples (a module of its own; slow to compile at first)
	CGO_ENABLED=0 go -C test/gitops test -vet=off -trimpath -count=1 ./...

.PHONY: test-faults
test-faults: ## Run only the fault tests: processes and brokers killed while sagas are in flight (slow; TRIGGER_EVENTS=10000)
	@hack/controlplane/build >/dev/null
	@$(on-kafka); FAULTS=1 go test -count=1 -timeout 45m -parallel 3 -v ./test/faults/...

.PHONY: test-e2e
test-e2e: bin/kind bin/helm ## Install it in a kind cluster and take things away (Docker; KIND_NODE_IMAGE=, KEEP=1)
	@hack/controlplane/build >/dev/null
	E2E=1 go test -count=1 -timeout 30m -v ./test/e2e/...

.PHONY: test-docs
test-docs: bin/kind bin/helm ## Run the commands that the docs show, on a control plane and a Kafka of this machine (those of a cluster: E2E=1)
	@hack/controlplane/build >/dev/null
	DOCS=1 go test -count=1 -timeout 40m -v ./test/docs/...

.PHONY: bench
bench: ## Measure this machine: the API server's limit, sagas per second, writes and bytes per saga
	@CGO_ENABLED=0 go build -trimpath -o bin/bench ./test/bench && exec bin/bench $(ARGS)


# The samples, and what is said of their definitions: see docs/samples.md.
SAMPLES = config/samples
CASES = examples/cases

.PHONY: test-samples
test-samples: ## Lint the samples, play each with every single fault, and run their cases (seconds, no cluster)
	@CGO_ENABLED=0 go build -trimpath -o bin/kubectl-saga ./cmd/kubectl-saga
	bin/kubectl-saga lint $(SAMPLES) $(CASES)
	bin/kubectl-saga simulate --pairs=false $(SAMPLES)
	bin/kubectl-saga test $(CASES) $(SAMPLES)

.PHONY: simulate-samples
simulate-samples: ## Prove the samples: play every life that one or two faults can give them
	@CGO_ENABLED=0 go build -trimpath -o bin/kubectl-saga ./cmd/kubectl-saga
	bin/kubectl-saga simulate $(SAMPLES)

.PHONY: build
build: ## Build every command into bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/...

.PHONY: lint
lint: bin/golangci-lint ## Check the code's habits, the import rules and the API conventions
	bin/golangci-lint run ./...

.PHONY: lint-chart
lint-chart: bin/helm bin/helm-unittest ## Check the chart: helm lint, its unit tests
	@for values in $(CHART)/ci/*-values.yaml; do bin/helm lint --strict --quiet $(CHART) --values $$values; done
	bin/helm-unittest --strict $(CHART)

.PHONY: test-manifests
test-manifests: bin/helm bin/kubeconform ## Compare and scan what chart and kustomize make, on a real API server
	@hack/controlplane/build >/dev/null
	go -C test/manifests test -race -timeout 10m ./...

.PHONY: fmt
fmt: bin/golangci-lint ## Format the code
	bin/golangci-lint fmt

.PHONY: generate
generate: bin/controller-gen bin/crd-ref-docs ## Write deep copies, CRDs, RBAC, docs/reference.md and the chart's share of config/ from the code
	bin/controller-gen object paths=./api/...
	bin/controller-gen crd paths=./api/... output:crd:dir=config/crd/bases
	bin/controller-gen rbac:roleName=saga-operator paths=./controllers/... paths=./cmd/manager/... output:rbac:dir=config/rbac
	@mkdir -p docs
	bin/crd-ref-docs --source-path=api --config=hack/tools/crd-ref-docs.yaml --renderer=markdown \
		--output-path=docs/reference.md --log-level=ERROR
	go run ./hack/chart

.PHONY: verify
verify: generate ## Check that what is generated is committed, and that code and go.mod files are tidy
	@if [[ -n "$$(git status --porcelain -- $(GENERATED))" ]]; then \
		git --no-pager diff -- $(GENERATED); git status --short -- $(GENERATED); \
		echo "generated files are not current: run 'make generate' and commit"; exit 1; fi
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); \
		if [[ -n "$$unformatted" ]]; then echo "not formatted (make fmt): $$unformatted"; exit 1; fi
	hack/release/versions check
	@for module in $(MODULES); do echo "go mod tidy -diff ($$module)"; go -C $$module mod tidy -diff; done
	go vet ./...
	go -C hack/tools vet ./...

.PHONY: vulncheck
vulncheck: bin/govulncheck ## Look for known vulnerabilities in what the code calls (SKIP_UNREACHABLE=1: no failure without the database)
	hack/vuln/check

.PHONY: image
image: bin/image bin/sbom ## Build the image IMAGE:VERSION for this machine's Docker; BUILDER=docker has its BuildKit compile it
ifeq ($(BUILDER),docker)
	docker buildx build --load --build-arg VERSION=$(VERSION) --build-arg COMMIT=$$(hack/release/commit) -t $(IMAGE):$(VERSION) .
else
	IMAGE=$(IMAGE) VERSION=$(VERSION) hack/release/image load $(ARCH)
endif

.PHONY: image-multiarch
image-multiarch: bin/image bin/sbom ## Build the image for amd64 and arm64, as an OCI layout in dist/oci; PUSH=REFERENCE pushes it
	VERSION=$(VERSION) hack/release/image $(if $(PUSH),push,layout)

.PHONY: test-image
test-image: bin/image bin/sbom ## Try the image with this machine's Docker, and test what assembles it
	go -C hack/tools test ./image ./sbom
	hack/release/check-image

.PHONY: reproducible
reproducible: bin/image bin/sbom ## Build programs and image twice, in two places, and compare them (ARCHES=amd64)
	hack/release/reproducible

.PHONY: release-notes
release-notes: ## Print what CHANGELOG.md says of VERSION
	@hack/release/notes $(VERSION)

.PHONY: release-fixtures
release-fixtures: ## Keep what this version stores, for the test that later versions continue it; refused where it exists
	@hack/controlplane/build >/dev/null
	go run ./test/releases/capture --version v$(VERSION)

.PHONY: clean
clean: ## Remove what was built here; the cached control plane stays
	rm -rf bin dist

# Tools, rebuilt when their versions change.

bin/controller-gen: hack/tools/go.mod
	go -C hack/tools build -o $(CURDIR)/$@ sigs.k8s.io/controller-tools/cmd/controller-gen

bin/crd-ref-docs: hack/tools/go.mod
	go -C hack/tools build -o $(CURDIR)/$@ github.com/elastic/crd-ref-docs

bin/govulncheck: hack/tools/go.mod
	go -C hack/tools build -o $(CURDIR)/$@ golang.org/x/vuln/cmd/govulncheck

bin/kind: hack/kind/go.mod
	CGO_ENABLED=0 go -C hack/kind build -trimpath -o $(CURDIR)/$@ sigs.k8s.io/kind

bin/image: hack/tools/go.mod $(wildcard hack/tools/image/*.go)
	go -C hack/tools build -o $(CURDIR)/$@ ./image

bin/sbom: hack/tools/go.mod $(wildcard hack/tools/sbom/*.go)
	go -C hack/tools build -o $(CURDIR)/$@ ./sbom

bin/golangci-lint: hack/tools/go.mod hack/tools/golangci-lint/main.go
	go -C hack/tools build -o $(CURDIR)/$@ ./golangci-lint

bin/helm: hack/tools/helm/go.mod
	CGO_ENABLED=0 go -C hack/tools/helm build -trimpath -o $(CURDIR)/$@ helm.sh/helm/v4/cmd/helm

bin/helm-unittest: hack/tools/helm-unittest/go.mod
	CGO_ENABLED=0 go -C hack/tools/helm-unittest build -trimpath -o $(CURDIR)/$@ github.com/helm-unittest/helm-unittest/cmd/helm-unittest

bin/kubeconform: hack/tools/kubeconform/go.mod
	CGO_ENABLED=0 go -C hack/tools/kubeconform build -trimpath -o $(CURDIR)/$@ github.com/yannh/kubeconform/cmd/kubeconform

# on-kafka exports KAFKA_BROKERS for the rest of a recipe: somebody else's broker, or one that ends with the recipe. Nobody kills that
# one, so it may be patient with itself where many tests share few cores.
define on-kafka
if [[ -z "$${KAFKA_BROKERS:-}" ]]; then \
	kafka=$$(mktemp -d); trap 'hack/kafka/stop "$$kafka"; rm -rf "$$kafka"' EXIT; \
	echo broker.session.timeout.ms=60000 >"$$kafka/extra.properties"; \
	started=$$(hack/kafka/start "$$kafka" $$((20000 + RANDOM % 10000)) | tail -n 1); export "$$started"; fi; \
	echo "KAFKA_BROKERS=$$KAFKA_BROKERS"
endef
