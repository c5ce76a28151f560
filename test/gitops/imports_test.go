package gitops

import (
	_ "github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	_ "github.com/fluxcd/helm-controller/api/v2"
	_ "github.com/fluxcd/kustomize-controller/api/v1"
	_ "github.com/fluxcd/pkg/kustomize"
	_ "github.com/fluxcd/source-controller/api/v1"
)
