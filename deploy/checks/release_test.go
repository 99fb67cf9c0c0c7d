package checks

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// The migration runs before anything else of a release exists and, if an operator asks
// for it, again after an upgrade: earlier hooks create what it needs, or it exists
// already. By default no Job follows the rollout, so that one can still go back.
func TestMigrationNeedsNothingOfTheRelease(t *testing.T) {
	for set := range sets(t) {
		for after, hooks := range map[string][]string{
			"false": {"pre-install,pre-upgrade"},
			"true":  {"pre-install,pre-upgrade", "post-upgrade"},
		} {
			t.Run(set+", after the upgrade: "+after, func(t *testing.T) {
				t.Parallel()
				all := render(t, set, "--set", "migration.afterUpgrade="+after)
				jobs := every[*batchv1.Job](all)
				if len(jobs) != len(hooks) {
					t.Fatalf("%d jobs", len(jobs))
				}
				for _, job := range jobs {
					hook := hooks[0]
					if strings.HasSuffix(job.Name, "-after") {
						hook = hooks[len(hooks)-1]
					}
					needsNothing(t, all, job, strings.Join(hooks, ","), hookWeight(t, job, hook))
				}
			})
		}
	}
	if jobs := every[*batchv1.Job](render(t, "defaults")); len(jobs) != 1 {
		t.Errorf("by default there are %d jobs", len(jobs))
	}
}

// needsNothing checks that earlier hooks, which run whenever a Job does, create
// everything that the Job mounts.
func needsNothing(t *testing.T, all manifests, job *batchv1.Job, when string, weight int) {
	t.Helper()
	pod := job.Spec.Template.Spec
	if pod.ServiceAccountName != "" {
		t.Errorf("%s needs the service account %s", job.Name, pod.ServiceAccountName)
	}
	for _, v := range pod.Volumes {
		if v.Secret == nil {
			continue
		}
		if v.Secret.SecretName == "relay-secrets" {
			continue // exists already
		}
		secret := named[*corev1.Secret](t, all, v.Secret.SecretName)
		if w := hookWeight(t, secret, when); w >= weight {
			t.Errorf("the secret of %s has the weight %d, and it has %d", job.Name, w, weight)
		}
		if secret.StringData["redis-url"] == "" || len(secret.StringData) != 1 {
			t.Error("its secret holds more or less than the URL of Redis")
		}
	}
}

// hookWeight returns the weight of a hook, after checking when the hook runs.
func hookWeight(t *testing.T, o metav1.Object, when string) int {
	t.Helper()
	notes := o.GetAnnotations()
	if notes["helm.sh/hook"] != when || notes["helm.sh/hook-delete-policy"] != "before-hook-creation,hook-succeeded" {
		t.Errorf("%s runs at another time than %q: %v", o.GetName(), when, notes)
	}
	weight, err := strconv.Atoi(notes["helm.sh/hook-weight"])
	if err != nil {
		t.Error(err)
	}
	return weight
}

// Values for pods apply to all three pods. Each pod is selected by its own policy,
// and by no other.
func TestEveryPodIsWhatTheValuesSay(t *testing.T) {
	all := render(t, "everything", "--set", "podLabels.app\\.kubernetes\\.io/component=other")
	deployment, job, test := every[*appsv1.Deployment](all)[0], every[*batchv1.Job](all)[0], every[*corev1.Pod](all)[0]
	metas := map[string]metav1.ObjectMeta{
		deployment.Name: deployment.Spec.Template.ObjectMeta,
		job.Name:        job.Spec.Template.ObjectMeta,
		test.Name:       test.ObjectMeta,
	}
	for name, pod := range metas {
		if pod.Labels["example.com/team"] != "payments" || pod.Annotations["example.com/owner"] != "payments" {
			t.Errorf("%s has the labels %v and the annotations %v", name, pod.Labels, pod.Annotations)
		}
		for _, policy := range every[*networkingv1.NetworkPolicy](all) {
			selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
			if err != nil {
				t.Fatal(err)
			}
			if found := selector.Matches(labels.Set(pod.Labels)); found != (policy.Name == name) {
				t.Errorf("the policy %s is for %s: %t", policy.Name, name, found)
			}
		}
	}
	for name, pod := range pods(t, all) {
		if pod.Affinity == nil || len(pod.Tolerations) != 1 || len(pod.NodeSelector) != 1 || pod.PriorityClassName != "important" || len(pod.ImagePullSecrets) != 1 {
			t.Errorf("%s does not run where the values say", name)
		}
	}
}

// helm test runs the test, and nothing else does.
func TestTestIsRunOnRequest(t *testing.T) {
	for _, pod := range every[*corev1.Pod](render(t, "everything")) {
		if hook := pod.Annotations["helm.sh/hook"]; hook != "test" {
			t.Errorf("%s is a hook of %q", pod.Name, hook)
		}
	}
}

// Services, budgets and spreads select only the replicas, and never the Job or the
// test, which have labels of the release too.
func TestSelectorsFindReplicasOnly(t *testing.T) {
	all := render(t, "everything")
	replica := labels.Set(every[*appsv1.Deployment](all)[0].Spec.Template.Labels)
	others := []labels.Set{every[*batchv1.Job](all)[0].Spec.Template.Labels, every[*corev1.Pod](all)[0].Labels}
	for name, selector := range selectors(t, all) {
		if !selector.Matches(replica) {
			t.Errorf("%s does not find the replicas", name)
		}
		for _, other := range others {
			if selector.Matches(other) {
				t.Errorf("%s finds %v", name, other)
			}
		}
	}
}

func TestSecret(t *testing.T) {
	secret := named[*corev1.Secret](t, render(t, "defaults"), "relay-callback-relay")
	for _, entry := range []string{"keys", "api-keys", "redis-url"} {
		if secret.StringData[entry] == "" {
			t.Errorf("no %s", entry)
		}
	}
	all := render(t, "existing-secret")
	if made := every[*corev1.Secret](all); len(made) != 0 {
		t.Errorf("beside the one that exists, %s is made", made[0].Name)
	}
	for name, pod := range pods(t, all) {
		if got := pod.Volumes[0].Secret.SecretName; got != "relay-secrets" {
			t.Errorf("%s reads %s", name, got)
		}
	}
}

func TestServiceAccount(t *testing.T) {
	irsa := named[*corev1.ServiceAccount](t, render(t, "irsa"), "relay-callback-relay")
	if got := irsa.Annotations["eks.amazonaws.com/role-arn"]; got != "arn:aws:iam::123456789012:role/callback-relay" {
		t.Errorf("the role is %q", got)
	}
	// Pod Identity finds the account by its name.
	all := render(t, "pod-identity")
	if account := named[*corev1.ServiceAccount](t, all, "callback-relay"); len(account.Annotations) != 0 {
		t.Errorf("annotations %v", account.Annotations)
	}
	if got := pods(t, all)["relay"].ServiceAccountName; got != "callback-relay" {
		t.Errorf("the relay runs as %s", got)
	}
	theirs := render(t, "defaults", "--set", "serviceAccount.create=false,serviceAccount.name=theirs")
	if got := pods(t, theirs)["relay"].ServiceAccountName; got != "theirs" {
		t.Errorf("the relay runs as %s", got)
	}
}

// The role's service account is the one that the chart creates when it is installed
// as docs/kubernetes.md says.
func TestRoleIsForTheServiceAccount(t *testing.T) {
	account := every[*corev1.ServiceAccount](render(t, "irsa"))[0].Name
	page, examples := root+"/docs/kubernetes.md", root+"/deploy/examples/"
	irsa := "system:serviceaccount:" + namespace + ":" + account
	association := regexp.MustCompile(`create-pod-identity-association --cluster-name CLUSTER[\s\\]+--namespace ` +
		namespace + `[\s\\]+--service-account ` + account + `\s`)
	for file, want := range map[string]*regexp.Regexp{
		examples + "iam/relay-trust-irsa.json": regexp.MustCompile(`:sub": "` + irsa + `"`),
		examples + "README.md":                 association,
	} {
		if !want.MatchString(read(t, file)) {
			t.Errorf("%s has no %s", file, want)
		}
	}
	for _, want := range []string{association.String(), "`" + irsa + "`", `helm -n ` + namespace + ` upgrade --install relay `} {
		if !regexp.MustCompile(want).MatchString(read(t, page)) {
			t.Errorf("%s has no %s", page, want)
		}
	}
	for _, m := range regexp.MustCompile(`file://(\S+)`).FindAllStringSubmatch(read(t, page), -1) {
		read(t, root+"/"+m[1])
	}
}

// The notes name the next commands, according to the values.
func TestNotes(t *testing.T) {
	for set, want := range map[string][]string{
		"existing-secret": {"rollout status deployment/relay-callback-relay\n", "port-forward service/relay-callback-relay-private 8081", "nothing is published yet"},
		"everything":      {"rollout status deployment/callbacks\n", "helm -n workflows test relay --logs", "http://callbacks-private.workflows:8081"},
	} {
		out, said, err := runHelm(t, "install", "relay", chart, "--dry-run=client", "--namespace", namespace, "--values", chart+"/ci/"+set+"-values.yaml")
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		_, notes, _ := strings.Cut(out, "\nNOTES:\n")
		for _, w := range want {
			if !strings.Contains(notes, w) {
				t.Errorf("%s: the notes do not say %q:\n%s", set, w, notes)
			}
		}
	}
}
