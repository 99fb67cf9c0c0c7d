package checks

import (
	"os"
	"regexp"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
)

var yamlBlock = regexp.MustCompile("(?ms)^ *```yaml\n(.*?)^ *```")

// Kubernetes and the chart accept the YAML that the pages show.
func TestPagesShowWhatWorks(t *testing.T) {
	for page, want := range map[string]int{"kubernetes": 5, "ingress": 3} {
		blocks := yamlBlock.FindAllStringSubmatch(read(t, root+"/docs/"+page+".md"), -1)
		if len(blocks) != want {
			t.Errorf("%s.md has %d blocks of YAML, want %d", page, len(blocks), want)
		}
		for _, m := range blocks {
			block := m[1]
			switch {
			case strings.Contains(block, "kind: EnvoyProxy"): // we do not have its types
			case strings.Contains(block, "kind: "):
				if _, _, err := decoder().Decode([]byte(block), nil, nil); err != nil {
					t.Errorf("%s.md: %v in\n%s", page, err, block)
				}
			default:
				values := t.TempDir() + "/values.yaml"
				if err := os.WriteFile(values, []byte(block), 0o600); err != nil {
					t.Fatal(err)
				}
				linksAreEncrypted(t, render(t, "existing-secret", "--values", values))
			}
		}
	}
}

// linksAreEncrypted wants every Ingress to serve TLS. An ALB takes its
// certificate from ACM, and listens on plain HTTP by default.
func linksAreEncrypted(t *testing.T, all manifests) {
	t.Helper()
	for _, o := range every[*networkingv1.Ingress](all) {
		if o.Spec.IngressClassName == nil || *o.Spec.IngressClassName != "alb" {
			if len(o.Spec.TLS) != 1 || o.Spec.TLS[0].SecretName == "" {
				t.Errorf("the ingress has the certificates %v", o.Spec.TLS)
			}
			continue
		}
		if len(o.Spec.TLS) != 0 {
			t.Errorf("the ALB, which reads no Secret, is given %v", o.Spec.TLS)
		}
		const alb = "alb.ingress.kubernetes.io/"
		if got := o.Annotations[alb+"listen-ports"]; got != `[{"HTTPS":443}]` {
			t.Errorf("the ALB listens to %q", got)
		}
		if got := o.Annotations[alb+"certificate-arn"]; !strings.HasPrefix(got, "arn:aws:acm:") {
			t.Errorf("the ALB has the certificate %q", got)
		}
	}
}
