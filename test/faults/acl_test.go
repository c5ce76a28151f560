package faults

import (
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// holds is how long an order that must not get on is watched; with everything granted it is done in a fraction of that.
const holds = 6 * time.Second

func TestEveryDocumentedPermissionIsNeededAndItsLackIsSeen(t *testing.T) {
	aside(t)
	g := guard(t)
	start := func() {
		g.s.Crew.Kill("manager")
		g.start("manager", "--leader-elect=false")
	}
	start()
	g.ready("manager")
	service := stage.Services[0]
	acls := documentedACLs(t, map[string]string{"installation": g.s.Installation, "commands": g.s.Topics + service + ".commands", "group": service})
	if len(acls) != 8 {
		t.Fatalf("%d permissions: %+v", len(acls), acls)
	}
	for i, acl := range acls {
		acl = of([]kafkatest.ACL{acl}, acl.User, map[string]string{"operator": "manager", "service": service}[acl.User])[0]
		name := orderName(i * 5) // none that is declined
		t.Run(acl.User+" "+acl.Operation+" "+acl.Resource+" "+strings.TrimPrefix(acl.Name, g.s.Installation+"."), func(t *testing.T) {
			g.kafka.Revoke(t, acl)
			g.s.Crew.Kill(service)
			start()
			if err := g.s.StartServices(service); err != nil {
				t.Fatal(err)
			}
			if err := g.s.Client.Create(t.Context(), stage.Order(name, false)); err != nil {
				t.Fatal(err)
			}
			lacks(t, g, name)
			g.kafka.Grant(t, acl)
			await(t, g.s, name, "completed", inPhase(v1alpha1.PhaseCompleted))
			g.ready("manager")
		})
	}
	balanced(t, g.s)
}

// lacks waits until something is seen to be missing: in readyz, or since an order does not get on.
func lacks(t *testing.T, g *guarded, order string) {
	t.Helper()
	var text string
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		var ready bool
		text, ready = g.readyz("manager")
		complains := !ready && (strings.Contains(text, "lets this user see nothing of") || strings.Contains(text, "Group Authorization Failed"))
		switch {
		case complains:
			t.Logf("readyz: %s", text)
			return
		case get(t, g.s, order).Status.Phase == v1alpha1.PhaseCompleted:
			t.Fatalf("the order is done without it; readyz: %s", text)
		case ready && time.Since(began) > holds:
			t.Logf("the order waits for %s", get(t, g.s, order).Status.WaitingFor)
			return
		case time.Since(began) > time.Minute:
			t.Fatalf("neither ready nor complaining: %s", text)
		}
	}
}
