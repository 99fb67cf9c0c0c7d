package checks

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

const (
	root      = "../.."
	chart     = "../helm/callback-relay"
	namespace = "workflows"
)

// helm returns the path of the pinned helm. The Go command builds it once and
// keeps it.
var helm = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "helm").Output()
	return strings.TrimSpace(string(out)), err
})

// runHelm runs a helm command and returns its output and error output.
func runHelm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	program, err := helm()
	if err != nil {
		t.Fatalf("build helm: %v", err)
	}
	cmd := exec.Command(program, args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG=/dev/null")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	return out.String(), said.String(), err
}

// sets are the named sets of values, by name.
func sets(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(chart + "/ci/*-values.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sets of values: %v", err)
	}
	all := map[string]string{}
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), "-values.yaml")] = file
	}
	return all
}

// manifests is one rendered chart, every object decoded.
type manifests []runtime.Object

// render renders the chart with a named set of values and decodes all of it
// strictly: unknown, repeated and wrongly spelt fields are errors.
func render(t *testing.T, set string, args ...string) manifests {
	t.Helper()
	args = append([]string{"template", "relay", chart, "--namespace", namespace, "--kube-version", "1.30.0",
		"--values", chart + "/ci/" + set + "-values.yaml"}, args...)
	text, said, err := runHelm(t, args...)
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, said)
	}
	var all manifests
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := decoder().Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		all = append(all, object)
	}
}

// decoder is as strict as the API server with --validate=strict.
var decoder = sync.OnceValue(func() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme,
		networkingv1.AddToScheme, policyv1.AddToScheme, gatewayv1.Install, monitoringv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
})

// every returns all objects of a type.
func every[T runtime.Object](all manifests) []T {
	var found []T
	for _, object := range all {
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// named returns the one object of a type with the name.
func named[T interface {
	runtime.Object
	metav1.Object
}](t *testing.T, all manifests, name string) T {
	t.Helper()
	for _, o := range every[T](all) {
		if o.GetName() == name {
			return o
		}
	}
	t.Fatalf("no %T %s", *new(T), name)
	panic("unreachable")
}

// holds compares a part of an object with its expected content, in YAML.
func holds(t *testing.T, what string, part any, want string) {
	t.Helper()
	got, err := yaml.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	var expected any
	if err := yaml.UnmarshalStrict([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	// Both are marshalled, so that fields are sorted by name.
	if ordered, _ := yaml.Marshal(expected); string(got) != string(ordered) {
		t.Errorf("%s is\n%swant\n%s", what, got, ordered)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
