// Package checks has no code. Its tests check the folder deploy: helm renders the
// chart, which is decoded strictly into the types of Kubernetes and compared with
// the relay; the Compose file is checked likewise; and nginx runs with the
// configuration in docs/ingress.md. The tests are a separate module, because helm
// and those types would outweigh the relay's own dependencies.
package checks
