package faults

import (
	"bufio"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/test/kafkatest"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// onDisk sets a stage on a broker of the test's own, whose files are in the directory that is returned.
func onDisk(t *testing.T) (*stage.Stage, *kafkatest.Apache, string) {
	t.Helper()
	dir := t.TempDir()
	apache := kafkatest.StartApache(t, dir, 0)
	s := set(t, apache.Addr(), 300*time.Millisecond)
	if err := s.StartManager("manager", "--leader-elect=false", "--metrics-bind-address="+s.Metrics); err != nil {
		t.Fatal(err)
	}
	return s, apache, filepath.Join(dir, "data")
}

// someUnderWay makes n orders and returns when the first is in its second step.
func someUnderWay(t *testing.T, s *stage.Stage, n int) {
	t.Helper()
	for i := range n {
		order(t, s, orderName(i), "order", declined(i), time.Hour)
		time.Sleep(50 * time.Millisecond) // so that they are at different steps
	}
	await(t, s, orderName(0), "in its second step", atSecondStep)
}

func topics(s *stage.Stage) []string {
	all := []string{s.Installation + ".saga.replies", s.Installation + ".saga.outcomes", s.Installation + ".saga.deadletters", s.Topics + "order.events"}
	for _, service := range stage.Services {
		all = append(all, s.Topics+service+".commands")
	}
	return all
}

// metric is the sum of a metric of the first manager, all labels together.
func metric(t *testing.T, s *stage.Stage, name string) (sum float64) {
	t.Helper()
	response, err := http.Get("http://" + s.Metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if f := strings.Fields(lines.Text()); len(f) == 2 && (f[0] == name || strings.HasPrefix(f[0], name+"{")) {
			value, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += value
		}
	}
	return sum
}

func TestKafkaIsLostWithAllItsTopicsWhileOrdersAreInFlight(t *testing.T) {
	aside(t)
	s, apache, data := onDisk(t)
	someUnderWay(t, s, 20)
	apache.Kill(t)
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	for i := range 5 { // the API server is there: who makes orders meanwhile is not refused
		order(t, s, orderName(20+i), "order", declined(20+i), time.Hour)
	}
	apache.Restart(t)
	kafkatest.Use(t, apache.Addr()).CreateTopics(t, 3, topics(s)...)
	ended(t, s, 25, 2*time.Minute)
	balanced(t, s)
	if resets := metric(t, s, "saga_replies_position_resets_total"); resets < 1 {
		t.Errorf("nothing tells that positions in the replies topic were lost: the metric is %v", resets)
	}
}

func TestKafkaIsRestoredToAnOlderState(t *testing.T) {
	aside(t)
	s, apache, data := onDisk(t)
	someUnderWay(t, s, 10)
	apache.Kill(t)
	older := copied(t, data)
	apache.Restart(t)
	order(t, s, "pruned", "order", false, 0)
	gone(t, s, "pruned") // the answers to it are lost with its commands
	for i := 10; i < 20; i++ {
		order(t, s, orderName(i), "order", declined(i), time.Hour)
	}
	await(t, s, orderName(10), "in its second step", atSecondStep)
	apache.Kill(t)
	replace(t, data, older)
	apache.Restart(t)
	ended(t, s, 20, 3*time.Minute)
	balanced(t, s)
	if books := orderBooks(t, s)["pruned"]; !strings.Contains(books, `"complete"`) {
		t.Errorf("what had ended before the loss is %s", books)
	}
	for _, dead := range deadLetters(t, s) {
		t.Errorf("unexpected dead letter: %s", dead)
	}
}
