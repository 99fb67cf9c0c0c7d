package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"callback-relay/config"
	"callback-relay/telemetry"
)

// otlpVariable is the prefix of the OTLP variables. Each variable also has a form
// for traces only, with TRACES_ after the prefix, which takes precedence.
const otlpVariable = "OTEL_EXPORTER_OTLP_"

// newTracer returns a tracer as OpenTelemetry's own variables describe it, or nil
// if they switch traces off.
func newTracer(ctx context.Context, logger *slog.Logger) (*telemetry.Tracer, error) {
	wanted, err := tracesWanted()
	if err != nil || !wanted {
		return nil, err
	}
	collector, err := readCollector()
	if err != nil {
		return nil, err
	}
	return telemetry.NewTracer(ctx, collector, buildVersion(), logger)
}

// tracesWanted reports whether traces are switched on, by naming a collector or
// the exporter.
func tracesWanted() (bool, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch os.Getenv("OTEL_TRACES_EXPORTER") {
	case "":
		_, value := otlp("ENDPOINT")
		return value != "", nil
	case "otlp":
		return true, nil
	case "none":
		return false, nil
	}
	return false, &config.Mistake{Setting: "OTEL_TRACES_EXPORTER", Problem: "must be otlp or none"}
}

// otlp reads an OTLP variable, and returns the name of the form that is set.
func otlp(name string) (variable, value string) {
	if value := os.Getenv(otlpVariable + "TRACES_" + name); value != "" {
		return otlpVariable + "TRACES_" + name, value
	}
	return otlpVariable + name, os.Getenv(otlpVariable + name)
}

// readCollector reads where traces go, and reports all mistakes. No message shows
// a value: headers are secrets, and addresses may hold one.
func readCollector() (telemetry.Collector, error) {
	var mistakes []error
	mistake := func(variable, problem string) {
		mistakes = append(mistakes, &config.Mistake{Setting: variable, Problem: problem})
	}
	c := telemetry.Collector{Timeout: 10 * time.Second, Headers: map[string]string{}}

	variable, value := otlp("ENDPOINT")
	address, err := url.Parse(cmp.Or(value, "http://localhost:4318"))
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" {
		mistake(variable, "must be a URL such as http://collector:4318")
	} else {
		if variable == otlpVariable+"ENDPOINT" { // the form for traces only is used unchanged
			address = address.JoinPath("v1", "traces")
		}
		c.URL = address.String()
	}
	if variable, value := otlp("PROTOCOL"); value != "" && value != "http/protobuf" {
		mistake(variable, "must be http/protobuf: the relay has no other")
	}
	switch variable, value := otlp("COMPRESSION"); value {
	case "", "none":
	case "gzip":
		c.Gzip = true
	default:
		mistake(variable, "must be gzip or none")
	}
	if variable, value := otlp("TIMEOUT"); value != "" {
		ms, err := strconv.Atoi(value)
		if err != nil || ms <= 0 {
			mistake(variable, "must be a number of milliseconds")
		}
		c.Timeout = time.Duration(ms) * time.Millisecond
	}
	if variable, value := otlp("HEADERS"); value != "" && !readHeaders(value, c.Headers) {
		mistake(variable, "must be name=value, separated by commas, with values escaped as in a URL")
	}
	if variable, value := otlp("CERTIFICATE"); value != "" {
		c.Roots = x509.NewCertPool()
		pem, err := os.ReadFile(value) //nolint:gosec // the operator names the file
		if err != nil || !c.Roots.AppendCertsFromPEM(pem) {
			mistake(variable, "must be a readable file with certificates in PEM")
		}
	}
	return c, errors.Join(mistakes...)
}

func readHeaders(text string, into map[string]string) bool {
	for pair := range strings.SplitSeq(text, ",") {
		name, escaped, found := strings.Cut(strings.TrimSpace(pair), "=")
		value, err := url.PathUnescape(strings.TrimSpace(escaped))
		if name = strings.TrimSpace(name); !found || name == "" || err != nil {
			return false
		}
		into[name] = value
	}
	return true
}
