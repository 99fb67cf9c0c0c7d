# An image with one static program, the relay, and the certificates for connecting
# to AWS and Redis. There is no shell and no writable file.
#
#   docker build --build-arg VERSION=1.2.3 --build-arg REVISION=$(git rev-parse HEAD) -t relay .
#   docker buildx build --platform linux/amd64,linux/arm64 …
#   buildah build --format docker …      # OCI's own format has no HEALTHCHECK

# The compiler runs on the builder's own platform, whatever the target. Its release
# is named in full, since another release makes another program.
FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
WORKDIR /src

# Modules first: this layer is kept until go.mod or go.sum changes.
COPY go.mod go.sum ./
RUN go mod download

COPY . .
# The version that `relay version` prints. The build sees no git history.
ARG VERSION=
# The target platform. Builders set it; otherwise it is the builder's own.
ARG TARGETOS
ARG TARGETARCH
# -tags release leaves out dev mode, and with it the in-process Redis and Step
# Functions; nethttpomithttp2 leaves out HTTP/2, which neither a proxy in front
# of the relay nor Step Functions needs. With -trimpath, the same source, VERSION
# and Go release make the same program for a platform, byte for byte, wherever it
# is built. The image can differ, since its certificates come from the current Go
# image.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -tags release,nethttpomithttp2 \
    -ldflags "-s -w -X main.version=${VERSION}" \
    -o /relay ./cmd/relay

FROM scratch
ARG VERSION=
# The commit, only for the label.
ARG REVISION=
LABEL org.opencontainers.image.title="Callback relay" \
      org.opencontainers.image.description="Gives AWS Step Functions workflows opaque URLs for their waiting tasks" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /relay /relay

# A number, so that Kubernetes can check that it is not root (runAsNonRoot).
USER 65532:65532

# Public links, private API.
EXPOSE 8080 8081

# Checks whether the process runs, not whether it is ready: a restart does not bring
# Redis back. Kubernetes ignores this check and uses HTTP probes.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/relay", "health", "--live"]

ENTRYPOINT ["/relay"]
CMD ["serve"]
