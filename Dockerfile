# syntax=docker/dockerfile:1
# One image with every program: /manager (the entrypoint), /sample-services, /broker and /selftest.
#
# From source, with BuildKit, for one architecture or several:
#   docker buildx build --platform linux/amd64,linux/arm64 -t registry.example/saga-operator:0.1.0 .
# From programs that are built already (hack/release/build ARCH bin/linux-ARCH), with any builder and without a registry:
#   docker build --network none --target prebuilt -t saga-operator:0.1.0 .
# make image makes the same image without either, and the same bytes each time: docs/releases.md.

# This stage comes first, since builders before BuildKit run all stages that come before the one they are asked for.
FROM scratch AS prebuilt
ARG ARCH=amd64
ARG VERSION=""
ARG COMMIT=""
LABEL org.opencontainers.image.title="saga-operator" \
      org.opencontainers.image.description="Runs sagas as Kubernetes resources, over Kafka" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/sagas-dev/saga-operator" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY bin/linux-${ARCH}/ /
USER 65532:65532
ENTRYPOINT ["/manager"]

FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ARG TARGETARCH
ARG VERSION=""
ARG COMMIT=""
ENV GOCACHE=/gocache
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
COPY participant participant
COPY hack/release hack/release
# Without a COMMIT the programs say that they do not know it: Git's directory stays outside.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/gocache hack/release/build "$TARGETARCH" /out

FROM scratch
ARG VERSION=""
ARG COMMIT=""
LABEL org.opencontainers.image.title="saga-operator" \
      org.opencontainers.image.description="Runs sagas as Kubernetes resources, over Kafka" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/sagas-dev/saga-operator" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
COPY --from=build /out/ /
USER 65532:65532
ENTRYPOINT ["/manager"]
