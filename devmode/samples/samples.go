package samples

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"embed"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"golang.org/x/tools/txtar"
)

//go:embed *.txtar
var files embed.FS

// Sample is what there is for one preset.
type Sample struct {
	Preset string
	// Text says in Markdown what somebody who uses the sender must know.
	Text string
	// Registration is the JSON of a POST /v1/callbacks, with "..." as its task token.
	Registration json.RawMessage
	// Key signs the samples of senders that have a private key; nil for others. The
	// public key is in the registration, or in Published.
	Key    crypto.Signer
	Events []Event // in the order in which the sender posts them
	// Published are documents that the sender has on its own hosts, by their URL.
	Published map[string][]byte
}

// Load returns the sample of a preset.
func Load(preset string) (Sample, error) {
	text, err := files.ReadFile(preset + ".txtar")
	if err != nil {
		return Sample{}, fmt.Errorf("there are no samples of %q", preset)
	}
	sample, err := parse(preset, text)
	if err != nil {
		return Sample{}, fmt.Errorf("the samples of %s: %w", preset, err)
	}
	return sample, nil
}

// parse reads the file of a preset. It is a txtar archive: the text, and then
//
//   - registration.json;
//   - NAME.http for each event, see [parseEvent];
//   - key.pem, if the sender signs with a private key: the key, in PKCS #8;
//   - https://... for each document that the sender publishes.
func parse(preset string, text []byte) (Sample, error) {
	archive := txtar.Parse(text)
	s := Sample{Preset: preset, Text: strings.TrimSpace(string(archive.Comment)), Published: map[string][]byte{}}
	for _, file := range archive.Files {
		name, isEvent := strings.CutSuffix(file.Name, ".http")
		var err error
		switch {
		case isEvent:
			var event Event
			event, err = parseEvent(name, string(file.Data))
			s.Events = append(s.Events, event)
		case file.Name == "registration.json":
			s.Registration = bytes.TrimSpace(file.Data)
		case file.Name == "key.pem":
			s.Key, err = parseKey(file.Data)
		case strings.HasPrefix(file.Name, "https://"):
			s.Published[file.Name] = file.Data
		default:
			err = errors.New("is not part of a sample")
		}
		if err != nil {
			return Sample{}, fmt.Errorf("%s: %w", file.Name, err)
		}
	}
	if s.Text == "" || !json.Valid(s.Registration) || len(s.Events) == 0 {
		return Sample{}, errors.New("the text, registration.json or the events are missing")
	}
	return s, nil
}

func parseKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("is not a key that signs")
	}
	return signer, nil
}

// Event returns the event of a name, and whether there is one.
func (s Sample) Event(name string) (Event, bool) {
	for _, e := range s.Events {
		if e.Name == name {
			return e, true
		}
	}
	return Event{}, false
}

// Published returns a transport that answers requests for the documents that senders
// publish with those of the samples, and passes on all others. With it, a relay accepts
// samples of senders that sign with a key of their own.
func Published(others http.RoundTripper) (http.RoundTripper, error) {
	documents := publisher{documents: map[string][]byte{}, others: others}
	names, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, file := range names {
		sample, err := Load(strings.TrimSuffix(path.Base(file.Name()), ".txtar"))
		if err != nil {
			return nil, err
		}
		for url, document := range sample.Published {
			documents.documents[url] = document
		}
	}
	return documents, nil
}

type publisher struct {
	documents map[string][]byte
	others    http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (p publisher) RoundTrip(r *http.Request) (*http.Response, error) {
	document, found := p.documents[r.URL.String()]
	if !found {
		return p.others.RoundTrip(r)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(document)), ContentLength: int64(len(document)), Request: r,
	}, nil
}

// At is the time that the samples have where their text is shown.
var At = time.Unix(1_700_000_000, 0).UTC()
