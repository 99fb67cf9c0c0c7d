// Package docs has no code. Its tests hold the pages of this folder, and the
// Markdown of the whole repository, to what the code does:
//
//   - architecture.md names every package, every import between packages and
//     every third-party module, and nothing that is not there;
//   - keyspace.md names every key, field and script;
//   - decisions/ has one shape, and links lead somewhere;
//   - a release build holds nothing of dev mode.
package docs
