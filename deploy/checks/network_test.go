package checks

import (
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// selectors returns everything that selects replicas.
func selectors(t *testing.T, all manifests) map[string]labels.Selector {
	t.Helper()
	found := map[string]labels.Selector{}
	add := func(name string, s *metav1.LabelSelector) {
		selector, err := metav1.LabelSelectorAsSelector(s)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = selector
	}
	for _, o := range every[*corev1.Service](all) {
		found["service "+o.Name] = labels.SelectorFromSet(o.Spec.Selector)
	}
	deployment := every[*appsv1.Deployment](all)[0]
	add("deployment", deployment.Spec.Selector)
	for _, s := range deployment.Spec.Template.Spec.TopologySpreadConstraints {
		add("spread over "+s.TopologyKey, s.LabelSelector)
	}
	add("budget", every[*policyv1.PodDisruptionBudget](all)[0].Spec.Selector)
	add("network policy", &named[*networkingv1.NetworkPolicy](t, all, deployment.Name).Spec.PodSelector)
	return found
}

// Whatever is switched on, only the public port is published.
func TestOnlyLinksArePublished(t *testing.T) {
	for set := range sets(t) {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			all := render(t, set, "--set", "ingress.enabled=true,gateway.enabled=true,gateway.parentRefs[0].name=public")
			services := every[*corev1.Service](all)
			if len(services) != 2 {
				t.Fatalf("%d services", len(services))
			}
			for _, s := range services {
				if s.Spec.Type != "" && s.Spec.Type != corev1.ServiceTypeClusterIP || len(s.Spec.ExternalIPs) > 0 {
					t.Errorf("the service %s is open by itself", s.Name)
				}
				if len(s.Spec.Ports) != 1 {
					t.Errorf("the service %s has %d ports", s.Name, len(s.Spec.Ports))
				}
			}
			public, private := services[0], services[1]
			if public.Spec.Ports[0].TargetPort != intstr.FromString("public") || private.Spec.Ports[0].TargetPort != intstr.FromString("private") {
				t.Errorf("services lead to %v and %v", public.Spec.Ports, private.Spec.Ports)
			}
			for _, o := range every[*networkingv1.Ingress](all) {
				if len(o.Spec.Rules) != 1 || len(o.Spec.Rules[0].HTTP.Paths) != 1 || o.Spec.DefaultBackend != nil {
					t.Fatalf("the ingress is %v", o.Spec)
				}
				backend := o.Spec.Rules[0].HTTP.Paths[0].Backend.Service
				if backend.Name != public.Name || backend.Port.Name != public.Spec.Ports[0].Name {
					t.Errorf("the ingress leads to %v", backend)
				}
			}
			for _, o := range every[*gatewayv1.HTTPRoute](all) {
				if len(o.Spec.Rules) != 1 || len(o.Spec.Rules[0].BackendRefs) != 1 {
					t.Fatalf("the route is %v", o.Spec)
				}
				backend := o.Spec.Rules[0].BackendRefs[0]
				if string(backend.Name) != public.Name || !is(backend.Port, public.Spec.Ports[0].Port) {
					t.Errorf("the route leads to %v", backend)
				}
			}
		})
	}
}

// The Ingress and the route take host and path from the public URL.
func TestRoutesFollowThePublicAddress(t *testing.T) {
	for address, want := range map[string]struct{ host, path string }{
		"https://relay.example.com":             {"relay.example.com", "/"},
		"https://relay.example.com/":            {"relay.example.com", "/"},
		"https://example.com:8443/tasks/relay/": {"example.com", "/tasks/relay"},
	} {
		all := render(t, "everything", "--set", "publicUrl="+address)
		ingress := every[*networkingv1.Ingress](all)[0].Spec
		rule := ingress.Rules[0]
		if path := rule.HTTP.Paths[0]; rule.Host != want.host || path.Path != want.path || *path.PathType != networkingv1.PathTypePrefix {
			t.Errorf("%s: the ingress takes %s%s", address, rule.Host, path.Path)
		}
		if tls := ingress.TLS; len(tls) != 1 || tls[0].SecretName != "relay-example-com" || tls[0].Hosts[0] != want.host {
			t.Errorf("%s: the certificate is %v", address, tls)
		}
		route := every[*gatewayv1.HTTPRoute](all)[0].Spec
		if path := route.Rules[0].Matches[0].Path; string(route.Hostnames[0]) != want.host || *path.Value != want.path {
			t.Errorf("%s: the route takes %s%s", address, route.Hostnames[0], *path.Value)
		}
	}
}

// allowed returns the ports that a policy admits, each with its peers.
func allowed(policy *networkingv1.NetworkPolicy) map[int][]networkingv1.NetworkPolicyPeer {
	found := map[int][]networkingv1.NetworkPolicyPeer{}
	for _, rule := range policy.Spec.Ingress {
		for _, port := range rule.Ports {
			found[port.Port.IntValue()] = rule.From
		}
	}
	return found
}

func TestNetworkPolicy(t *testing.T) {
	for set := range sets(t) {
		all := render(t, set)
		policy := named[*networkingv1.NetworkPolicy](t, all, every[*appsv1.Deployment](all)[0].Name)
		in := allowed(policy)
		if len(in) != 2 || len(policy.Spec.PolicyTypes) != 2 {
			t.Errorf("%s: lets in to %v", set, in)
		}
		if len(in[8081]) == 0 || in[8081][0].PodSelector == nil || in[8081][0].NamespaceSelector != nil {
			t.Errorf("%s: the private port is open to %v", set, in[8081])
		}
	}
	for _, p := range every[*networkingv1.NetworkPolicy](render(t, "everything")) {
		in := allowed(p)
		if p.Name != "callbacks" {
			if len(in) != 0 || len(p.Spec.PolicyTypes) != 2 {
				t.Errorf("%s lets in to %v", p.Name, in)
			}
			continue
		}
		if in[8080][0].IPBlock.CIDR != "10.0.0.0/16" || in[8081][1].IPBlock.CIDR != "10.1.0.0/16" {
			t.Errorf("open to %v", in)
		}
	}
}

func TestMonitoring(t *testing.T) {
	all := render(t, "monitoring")
	monitor := every[*monitoringv1.ServiceMonitor](all)[0]
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range every[*corev1.Service](all) {
		private := s.Spec.Ports[0].Port == 8081
		if selector.Matches(labels.Set(s.Labels)) != private {
			t.Errorf("the monitor looks at %s: %t", s.Name, !private)
		}
		if private && s.Spec.Ports[0].Name != "http" {
			t.Errorf("the port of %s is %s", s.Name, s.Spec.Ports[0].Name)
		}
	}
	holds(t, "the monitor", monitor.Spec.Endpoints, "[{port: http, path: /metrics, interval: 30s}]")
	rule := every[*monitoringv1.PrometheusRule](all)[0]
	var file monitoringv1.PrometheusRuleSpec
	if err := yaml.UnmarshalStrict([]byte(read(t, chart+"/files/rules.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	rendered, _ := yaml.Marshal(rule.Spec)
	if want, _ := yaml.Marshal(file); len(file.Groups) == 0 || string(rendered) != string(want) {
		t.Errorf("the rule is\n%swant that of files/rules.yaml\n%s", rendered, want)
	}
	// With a base URL, every alert links to the runbook and is otherwise unchanged.
	for _, group := range file.Groups {
		for _, alert := range group.Rules {
			alert.Annotations["runbook_url"] = "https://git.example.com/callback-relay/blob/main/" + alert.Annotations["runbook"]
			delete(alert.Annotations, "runbook")
		}
	}
	linked, _ := yaml.Marshal(file)
	holds(t, "the rule with links", every[*monitoringv1.PrometheusRule](render(t, "everything"))[0].Spec, string(linked))
	for name, o := range map[string]metav1.Object{"monitor": monitor, "rule": rule} {
		if o.GetLabels()["release"] != "prometheus" {
			t.Errorf("the %s has the labels %v", name, o.GetLabels())
		}
	}
}
