# syntax=docker/dockerfile:1
# The manager's image, without anything but the manager: docker build --target manager -t saga-operator:dev .
# Where the image cannot be built with network access, build the binary first (make build) and take it:
#   docker build --target prebuilt -t saga-operator:dev .

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION=""
ENV GOCACHE=/gocache
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/gocache \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /manager ./cmd/manager

FROM scratch AS prebuilt
COPY bin/manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]

FROM scratch AS manager
# For brokers whose certificates a public authority has signed.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
