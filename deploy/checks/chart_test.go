package checks

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

func TestEverySetRenders(t *testing.T) {
	for set, file := range sets(t) {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			all := render(t, set)
			linksAreEncrypted(t, all)
			for _, decoded := range all {
				o := decoded.(metav1.Object)
				id := decoded.GetObjectKind().GroupVersionKind().Kind + " " + o.GetName()
				if seen[id] {
					t.Errorf("%s is there twice", id)
				}
				seen[id] = true
				if o.GetNamespace() != "" {
					t.Errorf("%s names a namespace; it is the release's", id)
				}
				for _, wrong := range validation.IsDNS1035Label(o.GetName()) {
					t.Errorf("%s: %s", id, wrong)
				}
				for name, value := range o.GetLabels() {
					for _, wrong := range append(validation.IsQualifiedName(name), validation.IsValidLabelValue(value)...) {
						t.Errorf("%s: label %s=%s: %s", id, name, value, wrong)
					}
				}
				if o.GetLabels()["app.kubernetes.io/instance"] != "relay" {
					t.Errorf("%s has not the labels of the chart", id)
				}
			}
			if out, said, err := runHelm(t, "lint", "--strict", chart, "--values", file); err != nil {
				t.Errorf("helm lint: %v\n%s%s", err, out, said)
			}
		})
	}
}

// The sets of values that the chart must render.
func TestSets(t *testing.T) {
	promised := []string{
		"autoscaling", "defaults", "everything", "existing-secret", "gateway", "ingress",
		"irsa", "monitoring", "pod-identity", "redis-cluster",
	}
	if got := slices.Sorted(maps.Keys(sets(t))); !slices.Equal(got, promised) {
		t.Errorf("got %v, want %v", got, promised)
	}
}

// What a switch adds and removes, and which other values it needs.
var switches = map[string]struct {
	brings string
	needs  []string
}{
	"aws.podIdentity":                   {brings: ""}, // one rule: TestPodIdentity
	"autoscaling.enabled":               {brings: "HorizontalPodAutoscaler"},
	"gateway.enabled":                   {brings: "HTTPRoute", needs: []string{"--set", "gateway.parentRefs[0].name=public"}},
	"ingress.enabled":                   {brings: "Ingress"},
	"migration.afterUpgrade":            {brings: ""}, // one more Job: TestMigrationNeedsNothingOfTheRelease
	"migration.enabled":                 {brings: "Job"},
	"monitoring.prometheusRule.enabled": {brings: "PrometheusRule"},
	"monitoring.serviceMonitor.enabled": {brings: "ServiceMonitor"},
	"networkPolicy.enabled":             {brings: "NetworkPolicy"},
	"podDisruptionBudget.enabled":       {brings: "PodDisruptionBudget"},
	"serviceAccount.create":             {brings: "ServiceAccount"},
}

func TestSwitches(t *testing.T) {
	var there []string
	for path, property := range properties(t) {
		if property.Type == "boolean" {
			there = append(there, path)
		}
	}
	slices.Sort(there)
	if want := slices.Sorted(maps.Keys(switches)); !slices.Equal(there, want) {
		t.Errorf("the chart has the switches %v, and tested are %v", there, want)
	}
	for path, s := range switches {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			for _, on := range []bool{true, false} {
				kinds := map[string]bool{}
				for _, o := range render(t, "defaults", append(s.needs, "--set", fmt.Sprintf("%s=%t", path, on))...) {
					kinds[o.GetObjectKind().GroupVersionKind().Kind] = true
				}
				if s.brings != "" && kinds[s.brings] != on {
					t.Errorf("%t: %s is there: %t", on, s.brings, kinds[s.brings])
				}
			}
		})
	}
}

func TestMistakesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string // in what helm says
	}{
		"a value that is not known":     {[]string{"--set", "replicaCount=3"}, "replicaCount"},
		"one further down":              {[]string{"--set", "ingress.host=example.com"}, "host"},
		"a setting that is not known":   {[]string{"--set", "settings.RELAY_ANWSER_WAIT=2s"}, "RELAY_ANWSER_WAIT"},
		"a setting with a value":        {[]string{"--set", "settings.RELAY_PUBLIC_URL=https://example.com"}, "RELAY_PUBLIC_URL"},
		"a setting as a variable":       {[]string{"--set", "extraEnv[0].name=RELAY_LOG_LEVEL"}, "extraEnv"},
		"an address that is none":       {[]string{"--set", "publicUrl=relay.example.com"}, "publicUrl"},
		"a number in words":             {[]string{"--set", "replicas=two"}, "replicas"},
		"a mode that is not known":      {[]string{"--set", "redis.mode=clustered"}, "mode"},
		"a durability that is none":     {[]string{"--set", "redis.durability=always"}, "durability"},
		"a role that is not an ARN":     {[]string{"--set", "aws.roleArn=callback-relay"}, "roleArn"},
		"a port that is none":           {[]string{"--set", "networkPolicy.redisPorts={0}"}, "redisPorts"},
		"a budget of nothing":           {[]string{"--set", "podDisruptionBudget.maxUnavailable=0%"}, "maxUnavailable"},
		"no address":                    {[]string{"--set", "publicUrl="}, "publicUrl is missing"},
		"no region":                     {[]string{"--set", "aws.region="}, "aws.region is missing"},
		"no secret":                     {[]string{"--set", "secret.keys="}, "secret.existing is missing"},
		"two secrets":                   {[]string{"--set", "secret.existing=relay-secrets"}, "keep one or the other"},
		"a literal that is no object":   {[]string{"--set", "config.senders.stripe=whsec_1"}, "stripe"},
		"a part that is not known":      {[]string{"--set", "config.sender.stripe.preset=stripe"}, "sender"},
		"secrets without a file":        {[]string{"--set", "configSecrets={stripe}"}, "config, which refers to them, is empty"},
		"two ways to a role":            {[]string{"--set", "aws.podIdentity=true,aws.roleArn=arn:aws:iam::123456789012:role/r"}, "give one of them"},
		"a role for somebody else":      {[]string{"--set", "serviceAccount.create=false,aws.roleArn=arn:aws:iam::123456789012:role/r"}, "does not create"},
		"a route without a gateway":     {[]string{"--set", "gateway.enabled=true"}, "gateway.parentRefs is missing"},
		"a range that is none":          {[]string{"--set", "autoscaling.enabled=true,autoscaling.minReplicas=11"}, "minReplicas is above"},
		"all that is missing, together": {[]string{"--set", "publicUrl=,aws.region="}, "aws.region is missing"},
		"a cluster that is too old":     {[]string{"--kube-version", "1.29.9"}, "1.30"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"template", "relay", chart, "--values", chart + "/ci/defaults-values.yaml"}, c.args...)
			out, said, err := runHelm(t, args...)
			if err == nil {
				t.Fatalf("it was rendered:\n%s", out)
			}
			if !strings.Contains(said, c.want) {
				t.Errorf("helm does not say %q:\n%s", c.want, said)
			}
		})
	}
}

// Without any values, the error names everything that is missing, together.
func TestWithoutValues(t *testing.T) {
	_, said, err := runHelm(t, "template", "relay", chart)
	if err == nil {
		t.Fatal("it was rendered")
	}
	for _, want := range []string{"publicUrl is missing", "aws.region is missing", "secret.existing is missing"} {
		if !strings.Contains(said, want) {
			t.Errorf("helm does not say %q:\n%s", want, said)
		}
	}
}
