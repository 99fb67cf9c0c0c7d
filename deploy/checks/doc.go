// Package checks has no code. Its tests hold what is in deploy to what it says:
// the chart is rendered by helm, decoded strictly into the types of Kubernetes
// and compared with the relay; the Compose file likewise; and the configuration
// of nginx in docs/ingress.md is run. They are a module of their own, because
// helm and those types would outweigh the relay's own dependencies.
package checks
