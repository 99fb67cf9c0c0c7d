package checks

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// checkConfig runs relay config check on a configuration file, without its secrets.
func checkConfig(t *testing.T, content string) (summary string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "./cmd/relay", "config", "check", "--no-secrets", path)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s\nof\n%s", err, out, content)
	}
	return string(out)
}

// The configuration file arrives as it was given, where the setting says, in a form that
// Kubernetes updates while the pod runs.
func TestConfigArrives(t *testing.T) {
	all := render(t, "everything")
	content := named[*corev1.ConfigMap](t, all, "callbacks").Data["config.yaml"]
	summary := checkConfig(t, content)
	for _, want := range []string{"2 senders", "file /run/secrets/config/stripe/current, file /run/secrets/config/stripe/next", "env PARTNER_SECRET"} {
		if !strings.Contains(summary, want) {
			t.Errorf("%s lacks %q", summary, want)
		}
	}
	relay := pods(t, all)["relay"]
	holds(t, "the setting", variable(t, relay, "RELAY_CONFIG_FILE"), "{name: RELAY_CONFIG_FILE, value: /etc/callback-relay/config.yaml}")
	for _, path := range regexp.MustCompile(`/run/secrets/config/\S+`).FindAllString(content, -1) {
		if !mounted(relay, path) {
			t.Errorf("%s is not mounted", path)
		}
	}
	if name := volume(t, relay, "config").ConfigMap.Name; name != "callbacks" {
		t.Errorf("the ConfigMap is %q", name)
	}
	if name := volume(t, relay, "config-secret-0").Secret.SecretName; name != "stripe" {
		t.Errorf("the Secret is %q", name)
	}
	for _, m := range relay.Containers[0].VolumeMounts {
		if m.SubPath != "" {
			t.Errorf("%s would not be updated", m.MountPath)
		}
	}
}

// variable returns a variable of a pod's container.
func variable(t *testing.T, pod corev1.PodSpec, name string) corev1.EnvVar {
	t.Helper()
	for _, v := range pod.Containers[0].Env {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no variable %s", name)
	panic("unreachable")
}

// volume returns a volume of a pod.
func volume(t *testing.T, pod corev1.PodSpec, name string) corev1.Volume {
	t.Helper()
	for _, v := range pod.Volumes {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no volume %s", name)
	panic("unreachable")
}

// A change of the configuration file restarts nothing.
func TestNewConfigDoesNotRestart(t *testing.T) {
	template := func(preset string) string {
		all := render(t, "defaults", "--set", "config.senders.a.preset="+preset)
		return named[*appsv1.Deployment](t, all, "relay-callback-relay").Spec.Template.String()
	}
	if before, after := template("github"), template("gitlab"); before != after {
		t.Errorf("the pods change from\n%s\nto\n%s", before, after)
	}
	if len(every[*corev1.ConfigMap](render(t, "defaults"))) > 0 {
		t.Error("a ConfigMap is there that nobody asked for")
	}
}

// The configuration file of Compose is valid as it is, and so is its example. Both
// folders are mounted whole, so that changes arrive.
func TestComposeConfig(t *testing.T) {
	content := read(t, "../compose/config/config.yaml")
	checkConfig(t, content)
	example := strings.ReplaceAll(content, "\n#  ", "\n  ")
	if got := checkConfig(t, example); !strings.Contains(got, "1 sender\n  stripe  stripe  file /run/senders/stripe") {
		t.Errorf("the example has %s", got)
	}
	project, err := compose(t, settled)
	if err != nil {
		t.Fatal(err)
	}
	relay := project.Services["relay"]
	folders := map[string]string{}
	for _, v := range relay.Volumes {
		if v.Type != "bind" || !v.ReadOnly {
			t.Errorf("%s is %+v", v.Target, v)
		}
		folders[v.Target] = v.Source
	}
	holds(t, "the folders", folders, "{/etc/callback-relay: ../compose/config, /run/senders: ../compose/secrets/senders}")
	if file := relay.Environment["RELAY_CONFIG_FILE"]; file == nil || *file != "/etc/callback-relay/config.yaml" {
		t.Error("the setting names another file")
	}
}
