package gitops

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const (
	argoDir     = "../../config/argocd"
	healthKey   = "resource.customizations.health.sagas.dev_"
	actionsKey  = "resource.customizations.actions.sagas.dev_"
	configMapAt = argoDir + "/argocd-cm.yaml"
)

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// actionsOf puts the scripts of a kind's actions together as argocd-cm wants them; empty where there are none.
func actionsOf(t *testing.T, kind string) string {
	t.Helper()
	dir := filepath.Join(customizations, kind, "actions")
	scripts, err := filepath.Glob(filepath.Join(dir, "*", "action.lua"))
	if err != nil {
		t.Fatal(err)
	}
	if len(scripts) == 0 {
		return ""
	}
	actions := v1alpha1.ResourceActions{ActionDiscoveryLua: read(t, dir, "discovery.lua")}
	for _, file := range scripts {
		actions.Definitions = append(actions.Definitions, v1alpha1.ResourceActionDefinition{
			Name: filepath.Base(filepath.Dir(file)), ActionLua: read(t, file),
		})
	}
	text, err := yaml.Marshal(actions)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheConfigMapHoldsTheScripts(t *testing.T) {
	kinds := make([]string, 0, len(wanted))
	for kind := range wanted {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	var text strings.Builder
	text.WriteString("# What Argo CD has to know of our kinds, as a patch of its ConfigMap argocd-cm. Generated from resource_customizations:\n" +
		"# go -C test/gitops test -run TestTheConfigMapHoldsTheScripts -update .\n" +
		"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n")
	for _, kind := range kinds {
		fmt.Fprintf(&text, "  %s%s: |\n%s", healthKey, kind, indent(script(t, kind)))
		if actions := actionsOf(t, kind); actions != "" {
			fmt.Fprintf(&text, "  %s%s: |\n%s", actionsKey, kind, indent(actions))
		}
	}
	keep(t, configMapAt, []byte(text.String()))
}

func indent(text string) string {
	var all strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			all.WriteString("    ")
		}
		all.WriteString(line)
	}
	return all.String()
}

// configMapOverrides is what Argo CD makes of argocd-cm.yaml: one override per group and kind, keyed group/kind.
func configMapOverrides(t *testing.T) map[string]v1alpha1.ResourceOverride {
	t.Helper()
	var configMap struct {
		Data map[string]string `json:"data"`
	}
	if err := yaml.UnmarshalStrict([]byte(read(t, configMapAt)), &map[string]any{}); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(read(t, configMapAt)), &configMap); err != nil {
		t.Fatal(err)
	}
	overrides := map[string]v1alpha1.ResourceOverride{}
	for key, value := range configMap.Data {
		parts := strings.SplitN(key, ".", 4) // resource.customizations.<what>.<group>_<kind>
		if len(parts) != 4 || parts[0]+"."+parts[1] != "resource.customizations" {
			t.Fatalf("key %q is not one that Argo CD reads", key)
		}
		groupKind := strings.Replace(parts[3], "_", "/", 1)
		override := overrides[groupKind]
		switch parts[2] {
		case "health":
			override.HealthLua = value
		case "actions":
			override.Actions = value
		default:
			t.Fatalf("customization %q is not known", parts[2])
		}
		overrides[groupKind] = override
	}
	return overrides
}

func TestTheComponentPatchesArgoCDsOwnConfigMap(t *testing.T) {
	disk := filesys.MakeFsInMemory()
	for name, text := range map[string]string{
		"base/argocd-cm.yaml":       "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n  url: https://argocd.example.com\n",
		"base/kustomization.yaml":   "namespace: argocd\nresources: [argocd-cm.yaml]\ncomponents: [../ours]\n",
		"ours/argocd-cm.yaml":       read(t, configMapAt),
		"ours/kustomization.yaml":   read(t, argoDir, "kustomization.yaml"),
		"unrelated/must-not-matter": "",
	} {
		if err := disk.WriteFile("/"+name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/base")
	if err != nil {
		t.Fatal(err)
	}
	data := built.Resources()[0].GetDataMap()
	if built.Size() != 1 || data["url"] == "" || len(data) != 1+len(wanted)+1 || data[healthKey+"Saga"] != script(t, "Saga") {
		t.Errorf("%d objects, keys %d: %v", built.Size(), len(data), data)
	}
}
