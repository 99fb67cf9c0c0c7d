package checks

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// pods returns the pods that a rendered chart makes, by the name of their
// container.
func pods(t *testing.T, all manifests) map[string]corev1.PodSpec {
	t.Helper()
	found := map[string]corev1.PodSpec{}
	for _, o := range every[*appsv1.Deployment](all) {
		found[o.Spec.Template.Spec.Containers[0].Name] = o.Spec.Template.Spec
	}
	for _, o := range every[*batchv1.Job](all) {
		found[o.Spec.Template.Spec.Containers[0].Name] = o.Spec.Template.Spec
	}
	for _, o := range every[*corev1.Pod](all) {
		found[o.Spec.Containers[0].Name] = o.Spec
	}
	for name, pod := range found {
		if len(pod.Containers) != 1 || len(pod.InitContainers) != 0 {
			t.Fatalf("%s has other containers, which these tests do not look at", name)
		}
	}
	return found
}

// Each pod runs its own command of the image's one program.
func TestPodsRunTheirCommands(t *testing.T) {
	all := pods(t, render(t, "everything"))
	for name, want := range map[string][]string{"relay": {"serve"}, "migrate": {"migrate", "up"}, "migrate-after": {"migrate", "up", "--wait=840s"}, "try": {"callback", "try"}, "check": {"check"}} {
		if c := all[name].Containers[0]; len(c.Command) != 0 || !slices.Equal(c.Args, want) {
			t.Errorf("%s runs %q %q, want %q", name, c.Command, c.Args, want)
		}
	}
}

func TestPodsMayDoNothing(t *testing.T) {
	for set := range sets(t) {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			all := pods(t, render(t, set, "--set", "test.apiKeySecret=relay-test,migration.afterUpgrade=true"))
			if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, []string{"check", "migrate", "migrate-after", "relay", "try"}) {
				t.Fatalf("the pods are %v", got)
			}
			for name, pod := range all {
				if wrong := privileges(pod); len(wrong) > 0 {
					t.Errorf("%s: %v", name, wrong)
				}
			}
		})
	}
}

// privileges lists rights that a pod has and does not need.
func privileges(pod corev1.PodSpec) []string {
	var wrong []string
	expect := func(right bool, what string) {
		if !right {
			wrong = append(wrong, what)
		}
	}
	s, c := pod.SecurityContext, pod.Containers[0]
	expect(s != nil && is(s.RunAsNonRoot, true) && is(s.RunAsUser, 65532) && is(s.RunAsGroup, 65532), "runs as root")
	expect(s != nil && s.SeccompProfile != nil && s.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault, "no seccomp profile")
	expect(!pod.HostNetwork && !pod.HostPID && !pod.HostIPC, "shares the host's namespaces")
	expect(is(pod.AutomountServiceAccountToken, false), "has a key of the API server")
	expect(is(pod.EnableServiceLinks, false), "other services become variables")
	expect(c.Resources.Requests.Cpu().Sign() > 0 && c.Resources.Requests.Memory().Sign() > 0, "requests no resources")
	expect(c.Resources.Limits.Memory().Sign() > 0 && c.Resources.Limits.Cpu().IsZero(), "no limit of memory, or one of the processor")
	own := c.SecurityContext
	if own == nil || own.Capabilities == nil {
		return append(wrong, "no security context of the container")
	}
	expect(is(own.AllowPrivilegeEscalation, false), "may gain privileges")
	expect(is(own.ReadOnlyRootFilesystem, true), "may write files")
	expect(own.Privileged == nil && own.RunAsUser == nil && own.RunAsNonRoot == nil && own.SeccompProfile == nil, "the container has more than the pod")
	expect(slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}) && len(own.Capabilities.Add) == 0, "has capabilities")
	for _, v := range pod.Volumes {
		expect(v.HostPath == nil, "mounts the host")
	}
	return wrong
}

func is[T comparable](got *T, want T) bool { return got != nil && *got == want }

// Variables are settings of the relay, or of the SDKs; a secret is a file.
func TestVariablesAreReal(t *testing.T) {
	known := realSettings(t)
	for set := range sets(t) {
		for name, pod := range pods(t, render(t, set, "--set", "test.apiKeySecret=relay-test")) {
			seen := map[string]bool{}
			for _, v := range pod.Containers[0].Env {
				if seen[v.Name] {
					t.Errorf("%s: %s sets %s twice", set, name, v.Name)
				}
				seen[v.Name] = true
				if strings.HasPrefix(v.Name, "RELAY_") && !slices.Contains(known, v.Name) {
					t.Errorf("%s: %s sets %s, which the relay does not know", set, name, v.Name)
				}
				if slices.Contains([]string{"RELAY_KEYS", "RELAY_API_KEYS", "RELAY_REDIS_URL"}, v.Name) {
					t.Errorf("%s: %s has %s in its environment", set, name, v.Name)
				}
				if strings.HasPrefix(v.Name, "RELAY_") && strings.HasSuffix(v.Name, "_FILE") && !mounted(pod, v.Value) {
					t.Errorf("%s: %s names %s in %s, which is not mounted", set, name, v.Value, v.Name)
				}
			}
		}
	}
}

// mounted reports whether a file is in a volume of a pod's container. If the pod names the
// entries of a Secret, the file must be one of them.
func mounted(pod corev1.PodSpec, path string) bool {
	for _, m := range pod.Containers[0].VolumeMounts {
		file, below := strings.CutPrefix(path, m.MountPath+"/")
		i := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if !below || i < 0 || !m.ReadOnly {
			continue
		}
		secret := pod.Volumes[i].Secret
		return secret == nil || secret.Items == nil || slices.ContainsFunc(secret.Items, func(k corev1.KeyToPath) bool { return k.Path == file })
	}
	return false
}

func TestSettingsArriveAsTheyAre(t *testing.T) {
	relay := pods(t, render(t, "everything", "--set", "settings.RELAY_MAX_OUTPUT_BYTES=262144"))["relay"]
	for name, want := range map[string]string{
		"RELAY_PUBLIC_URL":          "https://relay.example.com/base",
		"RELAY_REDIS_MODE":          "sentinel",
		"RELAY_REDIS_DURABILITY":    "waitaof:1,1",
		"RELAY_ANSWER_WAIT":         "2s",
		"RELAY_STEP_FUNCTIONS_RATE": "250",
		"RELAY_MAX_OUTPUT_BYTES":    "262144",
		"AWS_REGION":                "eu-central-1",
		"GOMEMLIMIT":                "256MiB",

		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.monitoring:4318", // TestEgress lets it be called
	} {
		if !slices.Contains(relay.Containers[0].Env, corev1.EnvVar{Name: name, Value: want}) {
			t.Errorf("%s is not %q", name, want)
		}
	}
	headers := slices.IndexFunc(relay.Containers[0].Env, func(v corev1.EnvVar) bool { return v.Name == "OTEL_EXPORTER_OTLP_HEADERS" })
	if headers < 0 {
		t.Fatal("the collector's key does not arrive")
	}
	holds(t, "the collector's key", relay.Containers[0].Env[headers].ValueFrom, "secretKeyRef: {name: collector, key: headers}")
}

var stops = regexp.MustCompile(`\n\t(?:stopWithin|exportWithin) = (\d+) \* time\.Second\n`)

// stopSeconds is how long a process may take to stop: to finish its current work,
// and then to export its last traces.
func stopSeconds(t *testing.T) int64 {
	t.Helper()
	found := stops.FindAllStringSubmatch(read(t, root+"/cmd/relay/node.go"), -1)
	if len(found) != 2 {
		t.Fatal("cmd/relay/node.go does not say how long stopping and exporting may take")
	}
	var sum int64
	for _, m := range found {
		seconds, _ := strconv.ParseInt(m[1], 10, 64)
		sum += seconds
	}
	return sum
}

// helm test checks with the settings, the files and the role of the relay.
func TestCheckIsOfTheRelay(t *testing.T) {
	for set := range sets(t) {
		all := pods(t, render(t, set))
		relay, check := all["relay"], all["check"]
		if !reflect.DeepEqual(relay.Containers[0].Env, check.Containers[0].Env) || !reflect.DeepEqual(relay.Volumes, check.Volumes) ||
			!reflect.DeepEqual(relay.Containers[0].VolumeMounts, check.Containers[0].VolumeMounts) ||
			relay.ServiceAccountName != check.ServiceAccountName {
			t.Errorf("%s: the check has other settings than the relay", set)
		}
	}
}

// A replica is stopped after it was drained, and killed only after it had enough
// time to stop.
func TestTermination(t *testing.T) {
	for _, drains := range []int64{0, 10, 45} {
		pod := pods(t, render(t, "defaults", "--set", "drainSeconds="+strconv.FormatInt(drains, 10)))["relay"]
		if want := drains + stopSeconds(t) + 5; !is(pod.TerminationGracePeriodSeconds, want) {
			t.Errorf("drained for %d s, it is killed after %v s, want %d", drains, *pod.TerminationGracePeriodSeconds, want)
		}
		hooks := pod.Containers[0].Lifecycle
		if drains == 0 {
			if hooks != nil {
				t.Error("not drained, it has a hook")
			}
			continue
		}
		if hooks == nil || hooks.PreStop.Sleep == nil || hooks.PreStop.Sleep.Seconds != drains {
			t.Errorf("drained for %d s, its hook is %v", drains, hooks)
		}
	}
}

// Replicas restart when a Secret of the chart changes, since they read files only
// at start.
func TestNewSecretsRestart(t *testing.T) {
	sum := func(args ...string) string {
		d := named[*appsv1.Deployment](t, render(t, "defaults", args...), "relay-callback-relay")
		return d.Spec.Template.Annotations["checksum/secret"]
	}
	if sum() == "" || sum() == sum("--set", "secret.apiKeys=other:00") {
		t.Error("the checksum of the secret does not follow it")
	}
}
