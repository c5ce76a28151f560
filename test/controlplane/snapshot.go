package controlplane

import (
	"context"
	"fmt"
	"os"
)

// SnapshotEtcd copies etcd's files into dir, which must not exist, as a power failure would leave them at this moment. etcd is
// killed for that and started again, which the API server survives.
func (c *ControlPlane) SnapshotEtcd(ctx context.Context, dir string) error {
	c.Kill(Etcd)
	if err := os.CopyFS(dir, os.DirFS(c.options.EtcdDir)); err != nil {
		return fmt.Errorf("copying etcd's files: %w", err)
	}
	return c.run(ctx, Etcd)
}

// RestoreEtcd takes etcd and the API server down and brings them up with the files of a snapshot; dir empty: with an empty etcd,
// which has no resource definitions either. Revisions go back, which etcd's own tools can spare clients.
func (c *ControlPlane) RestoreEtcd(ctx context.Context, dir string) error {
	c.Kill(APIServer)
	c.Kill(Etcd)
	if err := os.RemoveAll(c.options.EtcdDir); err != nil {
		return fmt.Errorf("removing etcd's files: %w", err)
	}
	if err := os.Mkdir(c.options.EtcdDir, 0o700); err != nil {
		return fmt.Errorf("making etcd's directory: %w", err)
	}
	if dir != "" {
		if err := os.CopyFS(c.options.EtcdDir, os.DirFS(dir)); err != nil {
			return fmt.Errorf("putting etcd's files back: %w", err)
		}
	}
	if err := c.runAll(ctx, Etcd, APIServer); err != nil {
		return err
	}
	return c.waitForNamespace(ctx, "default")
}
