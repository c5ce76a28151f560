package gitops

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	argo "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	helm "github.com/fluxcd/helm-controller/api/v2"
	kustomize "github.com/fluxcd/kustomize-controller/api/v1"
	source "github.com/fluxcd/source-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	kustomization "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const examples = "../../examples/gitops"

// known are the kinds that the examples may use, each as the type that its own tool reads it into. Our own kinds are checked
// against a real API server in test/applied.
var known = map[string]func() any{
	"argoproj.io/v1alpha1/AppProject":              func() any { return &argo.AppProject{} },
	"argoproj.io/v1alpha1/Application":             func() any { return &argo.Application{} },
	"helm.toolkit.fluxcd.io/v2/HelmRelease":        func() any { return &helm.HelmRelease{} },
	"kustomize.toolkit.fluxcd.io/v1/Kustomization": func() any { return &kustomize.Kustomization{} },
	"source.toolkit.fluxcd.io/v1/GitRepository":    func() any { return &source.GitRepository{} },
	"v1/Namespace":                                  func() any { return &corev1.Namespace{} },
	"v1/ServiceAccount":                             func() any { return &corev1.ServiceAccount{} },
	"rbac.authorization.k8s.io/v1/Role":             func() any { return &rbacv1.Role{} },
	"rbac.authorization.k8s.io/v1/RoleBinding":      func() any { return &rbacv1.RoleBinding{} },
	"kustomize.config.k8s.io/v1beta1/Kustomization": func() any { return &kustomization.Kustomization{} },
	"sagas.dev/v1alpha1/Saga":                       nil,
	"sagas.dev/v1alpha1/SagaDefinition":             nil,
	"sagas.dev/v1alpha1/SagaParticipant":            nil,
	"sagas.dev/v1alpha1/OrderWorkflow":              nil,
	"sagas.dev/v1alpha1/SagaTrigger":                nil,
}

// exampleFiles are all YAML files of the examples.
func exampleFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(examples, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".yaml") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files of examples (%v)", len(files), err)
	}
	return files
}

func TestTheToolsReadEveryExample(t *testing.T) {
	for _, file := range exampleFiles(t) {
		for _, document := range documents(t, file) {
			object := parse(t, document)
			kind := object.GetAPIVersion() + "/" + object.GetKind()
			into, ok := known[kind]
			if !ok {
				t.Errorf("%s: nobody checks a %s", file, kind)
			}
			if into == nil {
				continue
			}
			if err := yaml.UnmarshalStrict(document, into()); err != nil {
				t.Errorf("%s, %s %s: %v", file, object.GetKind(), object.GetName(), err)
			}
		}
	}
}

func TestThePathsThatTheExamplesNameExist(t *testing.T) {
	paths := 0
	for _, file := range exampleFiles(t) {
		for _, document := range documents(t, file) {
			object := parse(t, document)
			var path string
			var in string
			switch object.GetAPIVersion() + "/" + object.GetKind() {
			case "argoproj.io/v1alpha1/Application":
				var application argo.Application
				if err := yaml.Unmarshal(document, &application); err != nil {
					t.Fatal(err)
				}
				path, in = application.Spec.Source.Path, application.Spec.Source.RepoURL
			case "kustomize.toolkit.fluxcd.io/v1/Kustomization":
				var application kustomize.Kustomization
				if err := yaml.Unmarshal(document, &application); err != nil {
					t.Fatal(err)
				}
				path = application.Spec.Path
			default:
				continue
			}
			root := examples
			if strings.HasSuffix(in, "/saga-operator.git") {
				root = "../.."
			}
			paths++
			if found, err := filepath.Glob(filepath.Join(root, path)); err != nil || len(found) != 1 {
				t.Errorf("%s names the path %s, which does not exist (%v)", file, path, err)
			}
		}
	}
	if paths < 4 {
		t.Errorf("only %d paths were looked at", paths)
	}
}

func TestKustomizeBuildsWhatATenantKeepsInGit(t *testing.T) {
	for dir, want := range map[string]int{"tenants/shop": 4, "flux/operator": 3} {
		built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(examples, dir))
		if err != nil {
			t.Fatal(err)
		}
		if built.Size() != want {
			t.Errorf("%s has %d objects; want %d", dir, built.Size(), want)
		}
		for _, object := range built.Resources() {
			if object.GetGvk().Group == "sagas.dev" && object.GetNamespace() != "shop" {
				t.Errorf("%s %s is in namespace %q", object.GetKind(), object.GetName(), object.GetNamespace())
			}
		}
	}
}
