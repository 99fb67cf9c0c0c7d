package checks

import (
	"maps"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
)

func TestProbes(t *testing.T) {
	c := pods(t, render(t, "defaults"))["relay"].Containers[0]
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	if !maps.Equal(ports, map[string]int32{"public": 8080, "private": 8081}) {
		t.Errorf("ports are %v", ports)
	}
	holds(t, "the liveness probe", c.LivenessProbe, "{httpGet: {path: /healthz, port: private}, periodSeconds: 10, timeoutSeconds: 3}")
	holds(t, "the readiness probe", c.ReadinessProbe, "{httpGet: {path: /readyz, port: private}, periodSeconds: 5, timeoutSeconds: 4, failureThreshold: 2}")
	if c.StartupProbe != nil {
		t.Errorf("the startup probe is %v", c.StartupProbe)
	}
}

func TestReplicas(t *testing.T) {
	d := every[*appsv1.Deployment](render(t, "defaults"))[0].Spec
	if !is(d.Replicas, 2) {
		t.Errorf("replicas %v", d.Replicas)
	}
	holds(t, "the strategy", d.Strategy, "{rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}")
}

// During a rollout, the new replicas are spread among themselves.
func TestReplicasAreSpread(t *testing.T) {
	for set, whenUnsatisfiable := range map[string]corev1.UnsatisfiableConstraintAction{"defaults": "ScheduleAnyway", "everything": "DoNotSchedule"} {
		d := every[*appsv1.Deployment](render(t, set))[0].Spec
		spread := d.Template.Spec.TopologySpreadConstraints
		if len(spread) != 2 {
			t.Fatalf("%s: spread %v", set, spread)
		}
		for i, over := range []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"} {
			spread[i].LabelSelector = nil // TestSelectorsFindReplicasOnly
			holds(t, set+": the spread", spread[i], "{maxSkew: 1, topologyKey: "+over+", whenUnsatisfiable: "+string(whenUnsatisfiable)+
				", matchLabelKeys: [pod-template-hash], nodeTaintsPolicy: Honor}")
		}
	}
}

func TestAutoscaler(t *testing.T) {
	all := render(t, "autoscaling")
	holds(t, "the autoscaler", every[*autoscalingv2.HorizontalPodAutoscaler](all)[0].Spec, `
scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: relay-callback-relay}
minReplicas: 3
maxReplicas: 12
metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]`)
	if d := named[*appsv1.Deployment](t, all, "relay-callback-relay"); d.Spec.Replicas != nil {
		t.Errorf("with an autoscaler beside it, the Deployment asks for %d replicas", *d.Spec.Replicas)
	}
	holds(t, "what it compares with", pods(t, all)["relay"].Containers[0].Resources.Requests, "{cpu: 500m, memory: 256Mi}")
}

func TestDisruptionBudget(t *testing.T) {
	for set, away := range map[string]string{"defaults": "1", "everything": "25%"} {
		budget := every[*policyv1.PodDisruptionBudget](render(t, set))[0].Spec
		budget.Selector = nil // TestSelectorsFindReplicasOnly
		holds(t, set+": the budget", budget, "{maxUnavailable: "+away+", unhealthyPodEvictionPolicy: AlwaysAllow}")
	}
}
