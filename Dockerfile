# The relay in an image that holds one static program and the certificates with
# which it recognises AWS and Redis. There is no shell and no writable file.
#
#   docker build --build-arg VERSION=1.2.3 -t relay .

FROM golang:1.26 AS build
WORKDIR /src

# Modules first: this layer is kept until go.mod or go.sum changes.
COPY go.mod go.sum ./
RUN go mod download

COPY . .
# What `relay version` prints. The build sees no git history.
ARG VERSION=
# -tags release leaves out dev mode, and with it the in-process Redis and Step
# Functions.
RUN CGO_ENABLED=0 go build -trimpath -tags release \
    -ldflags "-s -w -X main.version=${VERSION}" \
    -o /relay ./cmd/relay

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /relay /relay

# A number, so that Kubernetes can see that it is not root (runAsNonRoot).
USER 65532:65532

# Public links, private API.
EXPOSE 8080 8081

ENTRYPOINT ["/relay"]
CMD ["serve"]
