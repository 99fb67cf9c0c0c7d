package checks

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose reads the Compose file as `docker compose config` does: checked
// against the specification's schema, variables filled in.
func compose(t *testing.T, environment types.Mapping) (*types.Project, error) {
	t.Helper()
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir:  "../compose",
		ConfigFiles: []types.ConfigFile{{Filename: "../compose/compose.yaml"}},
		Environment: environment.Clone(), // the loader adds to it
	})
}

var settled = types.Mapping{"RELAY_PUBLIC_URL": "https://relay.example.com", "AWS_REGION": "eu-central-1"}

func TestCompose(t *testing.T) {
	project, err := compose(t, settled)
	if err != nil {
		t.Fatal(err)
	}
	relay, migrate := project.Services["relay"], project.Services["migrate"]
	for name, s := range map[string]types.ServiceConfig{"relay": relay, "migrate": migrate} {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || s.User != "" || s.Privileged {
			t.Errorf("%s may do more than it must", name)
		}
		if s.Build.Context != root {
			t.Errorf("%s is built from %s", name, s.Build.Context)
		}
		for variable := range s.Environment {
			if strings.HasPrefix(variable, "RELAY_") && !slices.Contains(realSettings(t), variable) {
				t.Errorf("%s sets %s, which the relay does not know", name, variable)
			}
		}
	}
	for _, variable := range []string{"RELAY_KEYS_FILE", "RELAY_API_KEYS_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		file := relay.Environment[variable]
		if file == nil || !slices.ContainsFunc(relay.Secrets, func(s types.ServiceSecretConfig) bool { return "/run/secrets/"+s.Source == *file }) {
			t.Errorf("%s is no secret of the service", variable)
		}
	}
	if *relay.Environment["RELAY_REDIS_URL"] != *migrate.Environment["RELAY_REDIS_URL"] {
		t.Error("the migration is for another Redis")
	}
	if got := relay.DependsOn["migrate"].Condition; got != types.ServiceConditionCompletedSuccessfully {
		t.Errorf("the relay waits until the migration is %q", got)
	}
	if got := migrate.DependsOn["redis"].Condition; got != types.ServiceConditionHealthy {
		t.Errorf("the migration waits until Redis is %q", got)
	}
	if got := relay.HealthCheck.Test; !slices.Equal(got, []string{"CMD", "/relay", "health"}) {
		t.Errorf("the health check is %q", got)
	}
}

func TestComposePublishesNothingByItself(t *testing.T) {
	project, err := compose(t, settled)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range project.Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s is open to other machines on %s", name, port.Published)
			}
		}
	}
	if redis := project.Services["redis"]; len(redis.Ports) != 0 || len(redis.Networks) != 1 || !project.Networks["redis"].Internal {
		t.Error("Redis, which has no password, can be reached by others than the relay")
	}
}

func TestComposeLeavesTimeToStop(t *testing.T) {
	project, err := compose(t, settled)
	if err != nil {
		t.Fatal(err)
	}
	stops := time.Duration(stopSeconds(t)) * time.Second
	if got := time.Duration(*project.Services["relay"].StopGracePeriod); got < stops+5*time.Second {
		t.Errorf("the relay is killed after %s, and may need %s", got, stops)
	}
}

func TestComposeSaysWhatIsMissing(t *testing.T) {
	for variable := range settled {
		without := settled.Clone()
		delete(without, variable)
		if _, err := compose(t, without); err == nil || !strings.Contains(err.Error(), variable) {
			t.Errorf("without %s the error is %v", variable, err)
		}
	}
}

// The server of the Compose file, run with the same arguments, provides the
// durability that the relay is configured for.
func TestComposeRedis(t *testing.T) {
	project, err := compose(t, settled)
	if err != nil {
		t.Fatal(err)
	}
	redis := project.Services["redis"]
	if !slices.ContainsFunc(redis.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Type == "volume" && v.Target == "/data" }) {
		t.Error("what Redis keeps is in no volume")
	}
	program, err := exec.LookPath(redis.Command[0])
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed", redis.Command[0])
		}
		t.Skipf("%s is not installed", redis.Command[0])
	}
	folder := t.TempDir()
	server := exec.Command(program, append(redis.Command[1:], "--port", "0", "--unixsocket", folder+"/socket", "--dir", folder)...)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	conn, err := dial(t.Context(), folder+"/socket")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for name, want := range map[string]string{
		"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "maxmemory": "536870912", "save": "",
	} {
		out, err := exec.Command("valkey-cli", "-s", folder+"/socket", "config", "get", name).CombinedOutput()
		if got := strings.TrimSuffix(string(out), "\n"); err != nil || got != name+"\n"+want {
			t.Errorf("%s: %q, %v; want %q", name, out, err, want)
		}
	}
	healthy := func() error {
		check := redis.HealthCheck.Test // CMD and the command
		return exec.Command(check[1], append([]string{"-s", folder + "/socket"}, check[2:]...)...).Run()
	}
	if err := healthy(); err != nil {
		t.Errorf("it is not healthy: %v", err)
	}
	// Simulates LOADING: both are errors instead of a PONG.
	if out, err := exec.Command("valkey-cli", "-s", folder+"/socket", "config", "set", "requirepass", "secret").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if healthy() == nil {
		t.Error("it is healthy when it answers with an error")
	}
}
