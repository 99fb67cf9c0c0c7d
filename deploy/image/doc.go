// Package image tests the container image. It has no code of its own. Its test
// builds the Dockerfile as an operator does, and runs the image as a cluster does:
// not as root, and with a read-only root file system.
//
//	make image-test
//
// It needs no daemon and no registry: buildah builds (--isolation chroot,
// --storage-driver vfs), on a golang image made of the Go that runs the test.
// Mounting and chroot need root; other users can use `buildah unshare`, which needs
// ranges in /etc/subuid and /etc/subgid.
package image
