// Package docs has no code. Its tests compare the pages in this folder, and the
// Markdown of the whole repository, with the code:
//
//   - architecture.md names exactly the packages, the imports between them and the
//     third-party modules that there are;
//   - keyspace.md names every key, field and script;
//   - the records in decisions/ have the same sections, and no link is broken;
//   - a release build contains nothing of dev mode.
package docs
