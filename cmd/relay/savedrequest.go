package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"os"
	"strconv"
	"strings"

	"callback-relay/config"
)

// savedRequest is an HTTP request from a file.
type savedRequest struct {
	URL    *url.URL // from the first line and the header Host, as far as they are there
	Header http.Header
	Body   []byte
}

// maxSavedRequest bounds a file, in bytes.
const maxSavedRequest = 16 << 20

// readSavedRequest reads a file with a request: see [parseSavedRequest].
func readSavedRequest(file string) (savedRequest, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the user of the command names the file
	if err != nil {
		return savedRequest{}, config.WithoutPath(err)
	}
	return parseSavedRequest(text)
}

// parseSavedRequest reads a request as a proxy or a test server saves it: a line such as
// "POST /c/... HTTP/1.1", which may be missing, the header, an empty line, and the body,
// each byte as it was sent. Errors show nothing of the request.
func parseSavedRequest(text []byte) (savedRequest, error) {
	if len(text) > maxSavedRequest {
		return savedRequest{}, fmt.Errorf("has more than %d bytes", maxSavedRequest)
	}
	r := savedRequest{URL: &url.URL{}}
	var err error
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if method, target, is := requestLine(string(first)); is {
		if method != http.MethodPost {
			return savedRequest{}, errors.New("is not a POST, and links take nothing else from machines")
		}
		if r.URL, err = url.Parse(target); err != nil {
			return savedRequest{}, errors.New("has a first line without a URL or a path")
		}
		text = rest
	}
	input := bufio.NewReader(bytes.NewReader(text))
	header, err := textproto.NewReader(input).ReadMIMEHeader()
	if err != nil {
		return savedRequest{}, errors.New("has no header that ends with an empty line, as in POST /c/... HTTP/1.1")
	}
	r.Header = http.Header(header)
	if host := r.Header.Get("Host"); r.URL.Host == "" && host != "" {
		r.URL.Scheme, r.URL.Host = "https", host
	}
	r.Header.Del("Host") // as a server does
	if r.Body, err = io.ReadAll(input); err != nil {
		return savedRequest{}, err
	}
	r.Body, err = savedBody(r.Header, r.Body)
	return r, err
}

// requestLine reads the first line of a request; is tells whether it is one.
func requestLine(line string) (method, target string, is bool) {
	fields := strings.Fields(line)
	if len(fields) != 3 || !strings.HasPrefix(fields[2], "HTTP/") {
		return "", "", false
	}
	return fields[0], fields[1], true
}

// savedBody returns the body that the header describes: without its chunks, and without
// the line break that editors add to the end of a file.
func savedBody(header http.Header, body []byte) ([]byte, error) {
	if strings.EqualFold(header.Get("Transfer-Encoding"), "chunked") {
		if plain, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(body))); err == nil {
			return plain, nil
		}
		return body, nil // whoever saved the request has joined the chunks
	}
	text := header.Get("Content-Length")
	if text == "" {
		return body, nil
	}
	length, err := strconv.Atoi(text)
	if err != nil || length < 0 {
		return nil, errors.New("has a Content-Length that is not a number")
	}
	if len(body) > length && len(bytes.TrimRight(body[length:], "\r\n")) == 0 {
		return body[:length], nil
	}
	if len(body) != length {
		return nil, fmt.Errorf("has a body of %d bytes, and its Content-Length says %d: it was changed or cut off", len(body), length)
	}
	return body, nil
}
