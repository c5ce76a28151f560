package manifests

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// podOf returns the pod that an object makes, or nil.
func podOf(t testing.TB, o unstructured.Unstructured) (meta *metav1.ObjectMeta, spec *corev1.PodSpec) {
	t.Helper()
	from := func(into any) {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into); err != nil {
			t.Fatalf("%s: %v", id(o), err)
		}
	}
	switch o.GetKind() {
	case "Deployment":
		var d appsv1.Deployment
		from(&d)
		return &d.Spec.Template.ObjectMeta, &d.Spec.Template.Spec
	case "Pod":
		var p corev1.Pod
		from(&p)
		return &p.ObjectMeta, &p.Spec
	case "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "PodTemplate":
		t.Fatalf("%s makes pods that no check looks at", id(o))
	}
	return nil, nil
}

// podChecks find what is wrong with a pod, each in a few words.
var podChecks = map[string]func(*metav1.ObjectMeta, *corev1.PodSpec) []string{
	"passes the profile restricted":        restricted,
	"shares nothing with its node":         sharesNothing,
	"writes nowhere in its image":          readOnlyRoot,
	"runs as a numbered user that is none": numericUser,
	"names its image by version":           pinnedImages,
	"asks for what it needs":               requests,
	"has an account of its own":            ownAccount,
}

func restricted(meta *metav1.ObjectMeta, spec *corev1.PodSpec) []string {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, meta, spec) {
		if !result.Allowed {
			found = append(found, result.ForbiddenReason+": "+result.ForbiddenDetail)
		}
	}
	return found
}

func sharesNothing(_ *metav1.ObjectMeta, spec *corev1.PodSpec) []string {
	var found []string
	if spec.HostNetwork || spec.HostPID || spec.HostIPC || spec.HostUsers != nil && *spec.HostUsers {
		found = append(found, "uses the host's namespaces")
	}
	for _, volume := range spec.Volumes {
		if volume.HostPath != nil {
			found = append(found, "mounts a path of the host: "+volume.Name)
		}
	}
	for _, c := range containers(spec) {
		if c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged {
			found = append(found, c.Name+" is privileged")
		}
		for _, port := range c.Ports {
			if port.HostPort != 0 {
				found = append(found, c.Name+" takes a port of the host")
			}
		}
	}
	return found
}

func readOnlyRoot(_ *metav1.ObjectMeta, spec *corev1.PodSpec) []string {
	var found []string
	for _, c := range containers(spec) {
		if c.SecurityContext == nil || c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
			found = append(found, c.Name+" may write into its root")
		}
	}
	return found
}

func numericUser(_ *metav1.ObjectMeta, spec *corev1.PodSpec) []string {
	if spec.SecurityContext == nil || spec.SecurityContext.RunAsUser == nil || *spec.SecurityContext.RunAsUser < 10000 {
		return []string{"has no numeric user that no account of the node has"}
	}
	var found []string
	for _, c := range containers(spec) {
		if c.SecurityContext != nil && c.SecurityContext.RunAsUser != nil {
			found = append(found, c.Name+" has a user of its own")
		}
	}
	return found
}

var (
	versionTag = regexp.MustCompile(`^[^@]*:v?[0-9]+\.[0-9]+\.[0-9]+[^/:]*$`)
	digest     = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)
)

func pinnedImages(_ *metav1.ObjectMeta, spec *corev1.PodSpec) []string {
	var found []string
	for _, c := range containers(spec) {
		if !versionTag.MatchString(c.Image) && !digest.MatchString(c.Image) {
			found = append(found, c.Name+" runs "+c.Image)
		}
	}
	return found
}

func requests(_ *metav1.ObjectMeta, spec *corev1.PodSpec) []string {
	var found []string
	for _, c := range containers(spec) {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
			if asked := c.Resources.Requests[name]; asked.IsZero() {
				found = append(found, c.Name+" asks for no "+string(name))
			}
		}
		if limit := c.Resources.Limits[corev1.ResourceMemory]; limit.IsZero() {
			found = append(found, c.Name+" has no limit of memory")
		}
	}
	return found
}

func ownAccount(_ *metav1.ObjectMeta, spec *corev1.PodSpec) []string {
	var found []string
	if spec.ServiceAccountName == "" || spec.ServiceAccountName == "default" {
		found = append(found, "uses the account default")
	}
	if spec.AutomountServiceAccountToken == nil {
		found = append(found, "does not say whether it needs a token")
	}
	return found
}

func containers(spec *corev1.PodSpec) []corev1.Container {
	return slices.Concat(spec.InitContainers, spec.Containers)
}

func TestEachPodIsSafe(t *testing.T) {
	for set, objects := range rendered(t) {
		pods := 0
		for _, o := range objects {
			meta, spec := podOf(t, o)
			if spec == nil {
				continue
			}
			pods++
			for name, check := range podChecks {
				if found := check(meta, spec); len(found) > 0 {
					t.Errorf("%s: %s does not pass '%s': %s", set, id(o), name, strings.Join(found, "; "))
				}
			}
		}
		if pods == 0 {
			t.Errorf("%s makes no pod", set)
		}
	}
}

func TestTheChecksOfPodsFindWhatIsBad(t *testing.T) {
	yes, root := true, int64(0)
	for name, test := range map[string]struct {
		check string
		spoil func(*corev1.PodSpec)
	}{
		"a privileged container":      {"shares nothing with its node", func(s *corev1.PodSpec) { s.Containers[0].SecurityContext.Privileged = &yes }},
		"a path of the host":          {"shares nothing with its node", hostPath},
		"the host's network":          {"shares nothing with its node", func(s *corev1.PodSpec) { s.HostNetwork = true }},
		"the host's processes":        {"shares nothing with its node", func(s *corev1.PodSpec) { s.HostPID = true }},
		"a port of the host":          {"shares nothing with its node", func(s *corev1.PodSpec) { s.Containers[0].Ports[0].HostPort = 80 }},
		"no seccomp profile":          {"passes the profile restricted", func(s *corev1.PodSpec) { s.SecurityContext.SeccompProfile = nil }},
		"capabilities":                {"passes the profile restricted", func(s *corev1.PodSpec) { s.Containers[0].SecurityContext.Capabilities = nil }},
		"more privileges later":       {"passes the profile restricted", func(s *corev1.PodSpec) { s.Containers[0].SecurityContext.AllowPrivilegeEscalation = &yes }},
		"a root that can be written":  {"writes nowhere in its image", func(s *corev1.PodSpec) { s.Containers[0].SecurityContext.ReadOnlyRootFilesystem = nil }},
		"root":                        {"runs as a numbered user that is none", func(s *corev1.PodSpec) { s.SecurityContext.RunAsUser = &root }},
		"a user of the image's":       {"runs as a numbered user that is none", func(s *corev1.PodSpec) { s.SecurityContext.RunAsUser = nil }},
		"a container with a user":     {"runs as a numbered user that is none", func(s *corev1.PodSpec) { s.Containers[0].SecurityContext.RunAsUser = &root }},
		"latest":                      {"names its image by version", func(s *corev1.PodSpec) { s.Containers[0].Image = "saga-operator:latest" }},
		"no tag":                      {"names its image by version", func(s *corev1.PodSpec) { s.Containers[0].Image = "registry:5000/saga-operator" }},
		"no request of storage":       {"asks for what it needs", func(s *corev1.PodSpec) { delete(s.Containers[0].Resources.Requests, corev1.ResourceEphemeralStorage) }},
		"no request of cpu":           {"asks for what it needs", func(s *corev1.PodSpec) { delete(s.Containers[0].Resources.Requests, corev1.ResourceCPU) }},
		"no limit":                    {"asks for what it needs", func(s *corev1.PodSpec) { s.Containers[0].Resources.Limits = nil }},
		"the default account":         {"has an account of its own", func(s *corev1.PodSpec) { s.ServiceAccountName = "default" }},
		"a token without a word":      {"has an account of its own", func(s *corev1.PodSpec) { s.AutomountServiceAccountToken = nil }},
		"an unsafe init container":    {"writes nowhere in its image", func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{{Name: "init"}} }},
		"an init container by latest": {"names its image by version", func(s *corev1.PodSpec) { s.InitContainers = []corev1.Container{{Image: "busybox"}} }},
	} {
		t.Run(name, func(t *testing.T) {
			meta, spec := managerPod(t)
			if found := podChecks[test.check](meta, spec); len(found) > 0 {
				t.Fatalf("before: %v", found)
			}
			test.spoil(spec)
			if found := podChecks[test.check](meta, spec); len(found) == 0 {
				t.Errorf("'%s' finds nothing", test.check)
			}
		})
	}
}

func hostPath(s *corev1.PodSpec) {
	s.Volumes = append(s.Volumes, corev1.Volume{Name: "etc", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/etc"}}})
}

func managerPod(t *testing.T) (*metav1.ObjectMeta, *corev1.PodSpec) {
	t.Helper()
	for _, o := range kustomize(t) {
		if o.GetKind() == "Deployment" {
			return podOf(t, o)
		}
	}
	t.Fatal("there is no Deployment")
	return nil, nil
}
