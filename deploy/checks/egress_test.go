package checks

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// egress lists the connections that a policy allows, each as peer, port and
// protocol.
func egress(policy *networkingv1.NetworkPolicy) []string {
	var found []string
	for _, rule := range policy.Spec.Egress {
		peers := []string{"anyone"}
		if len(rule.To) > 0 {
			peers = nil
		}
		for _, to := range rule.To {
			var peer []string
			if to.IPBlock != nil {
				peer = append(peer, to.IPBlock.CIDR)
			}
			if to.NamespaceSelector != nil {
				peer = append(peer, "namespace", metav1.FormatLabelSelector(to.NamespaceSelector))
			}
			if to.PodSelector != nil {
				peer = append(peer, "pods", metav1.FormatLabelSelector(to.PodSelector))
			}
			peers = append(peers, strings.Join(peer, " "))
		}
		ports := []string{"every port"}
		if len(rule.Ports) > 0 {
			ports = nil
		}
		for _, port := range rule.Ports {
			ports = append(ports, fmt.Sprintf("%s/%s", port.Port.String(), *port.Protocol))
		}
		for _, peer := range peers {
			for _, port := range ports {
				found = append(found, peer+" "+port)
			}
		}
	}
	slices.Sort(found)
	return found
}

// Pods may connect to what they need, and no more.
func TestEgress(t *testing.T) {
	names := []string{"anyone 53/TCP", "anyone 53/UDP"}
	aws := []string{"anyone 443/TCP"}
	redis := map[string][]string{
		"everything":    {"anyone 26379/TCP", "anyone 6379/TCP"},
		"redis-cluster": {"anyone 6380/TCP"},
	}
	// The addresses of the Pod Identity agent exist only on the node.
	agent := map[string][]string{"pod-identity": {"169.254.170.23/32 80/TCP", "fd00:ec2::23/128 80/TCP"}}
	more := map[string][]string{"everything": {"namespace kubernetes.io/metadata.name=monitoring 4318/TCP"}}
	for set := range sets(t) {
		all := render(t, set, "--set", "test.apiKeySecret=relay-test")
		name := every[*appsv1.Deployment](all)[0].Name
		if redis[set] == nil {
			redis[set] = []string{"anyone 6379/TCP"}
		}
		replicas := metav1.FormatLabelSelector(every[*appsv1.Deployment](all)[0].Spec.Selector)
		for policy, want := range map[string][]string{
			name:              slices.Concat(names, more[set], redis[set], aws, agent[set]),
			name + "-check":   slices.Concat(names, more[set], redis[set], aws, agent[set]),
			name + "-migrate": slices.Concat(names, more[set], redis[set]),
			name + "-test":    slices.Concat(names, more[set], []string{"pods " + replicas + " 8081/TCP"}),
		} {
			slices.Sort(want)
			if got := egress(named[*networkingv1.NetworkPolicy](t, all, policy)); !slices.Equal(got, want) {
				t.Errorf("%s: %s lets out to\n%q, want\n%q", set, policy, got, want)
			}
		}
	}
}
