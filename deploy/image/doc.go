// Package image proves the container image. It has no code of its own: its
// test builds the Dockerfile as an operator does, and runs the result as a
// cluster does: as a user who is not root, on a root that is read-only.
//
//	make image-test
//
// No daemon is needed, and no registry: buildah builds (--isolation chroot,
// --storage-driver vfs), on a golang image made of the Go that runs the test.
// Mounting and changing the root take root's rights; who is not root has them
// inside `buildah unshare`, which needs ranges in /etc/subuid and /etc/subgid.
package image
