package main

import (
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report collects what was measured and judges it.
type report struct {
	options
	head   []string
	limits table
	ruled  table
	sagas  table
	counts []counted
	idling table
	bars   []bar
	rate   float64 // sagas per second of the main run
	cpu    float64 // seconds per saga of the main run, of all processes
}

// counted are the writes of one way to start a transaction.
type counted struct {
	what   string
	writes writes
	per    int // so many of them
}

// bar is what a number should be. An exact one does not depend on the machine.
type bar struct {
	what, is, should string
	ok, exact        bool
}

func newReport(o options, now time.Time) *report {
	broker := "embedded (kfake), in memory"
	if o.brokers != "" {
		broker = o.brokers
	}
	fsync := "etcd waits for the disk (fsync)"
	if o.noFsync {
		fsync = "etcd does not wait for the disk: not comparable"
	}
	r := &report{options: o, head: []string{
		fmt.Sprintf("%s, %d cores, %s, %s/%s, %s", now.UTC().Format("2006-01-02 15:04 UTC"), runtime.NumCPU(), memory(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		fmt.Sprintf("Everything on this machine: control plane, broker, manager, clients. %s. Broker: %s.", fsync, broker),
		"Participants answer `succeeded` at once and keep no books, so that the operator is what is measured.",
		fmt.Sprintf("The saga: %d steps, made from an order; its definition is that of config/samples without the event.", stepCount),
	}}
	if len(o.managerFlags) > 0 {
		r.head = append(r.head, "The manager with "+strings.Join(o.managerFlags, " ")+".")
	}
	r.limits = table{title: "The API server's own limit, no manager running (per second)"}
	r.limits.add("clients", "creates", "status updates")
	r.ruled = table{title: fmt.Sprintf("Status updates of a saga of %d steps, with and without the rules of its resource definition, %d clients", ruleSteps, ruleClients)}
	r.ruled.add("measure", "with rules", "without", "difference")
	r.sagas = table{title: fmt.Sprintf("%d sagas, %d in flight", o.sagas, o.inFlight)}
	r.sagas.add("measure", "value")
	r.idling = table{title: fmt.Sprintf("%d sagas that wait for an answer, %s", o.waiting, o.window)}
	r.idling.add("measure", "value")
	return r
}

func (r *report) limit(clients int, creates, updates float64) {
	r.limits.add(fmt.Sprint(clients), number(creates), number(updates))
}

// ruleCost shows what rules cost one form of a saga.
func (r *report) ruleCost(form string, c ruleCost) {
	r.ruled.add("updates per second, a saga that "+form, number(c.with), number(c.without), fmt.Sprintf("%.1f%% slower", 100*c.slower))
	r.ruled.add("CPU of kube-apiserver per update", fmt.Sprintf("%.2f ms", 1000*c.cpuWith), fmt.Sprintf("%.2f ms", 1000*c.cpuWithout),
		fmt.Sprintf("%+.1f%%", 100*(c.cpuWith/c.cpuWithout-1)))
	r.bars = append(r.bars, bar{what: "by how much rules slow the status updates of a saga that " + form, is: fmt.Sprintf("%.1f%%", 100*c.slower),
		should: "at most 10%", ok: c.slower <= 0.1})
}

func (r *report) speed(took result, used costs, rss float64) {
	n := float64(len(took.latencies))
	r.rate, r.cpu = n/took.took.Seconds(), used.sum()/n
	r.sagas.add("sagas per second, until deleted", number(r.rate))
	r.latency("create to Completed", took.latencies, 50, 95, 99)
	for _, part := range []struct {
		name string
		cpu  float64
	}{
		{"manager", used.manager}, {"kube-apiserver", used.apiServer}, {"etcd", used.etcd}, {"clients, participants, broker", used.bench},
	} {
		r.sagas.add("CPU per saga: "+part.name, fmt.Sprintf("%.1f ms (%.0f%%)", 1000*part.cpu/n, 100*part.cpu/used.sum()))
	}
	r.sagas.add("memory of the manager (RSS)", fmt.Sprintf("%.0f MiB", rss/(1<<20)))
}

// latency shows percentiles.
func (r *report) latency(what string, latencies []time.Duration, percents ...float64) {
	slices.Sort(latencies)
	for _, p := range percents {
		r.sagas.add(fmt.Sprintf("%s, p%.0f", what, p), percentile(latencies, p).Round(time.Millisecond).String())
	}
}

// share sets the operator's rate against the API server's with the same writes.
func (r *report) share(limit bare) {
	share := 100 * r.rate / limit.mean()
	r.sagas.add("the API server's limit with the same writes",
		fmt.Sprintf("%s sagas/s (%s before, %s after) = %s writes/s", number(limit.mean()), number(limit.before), number(limit.after), number(bareWrites*limit.mean())))
	r.sagas.add("share of that limit", fmt.Sprintf("%.0f%%", share))
	r.sagas.add("the same by CPU time, which other work disturbs less", fmt.Sprintf("%.0f%% (%.1f of %.1f ms per saga)", 100*limit.cpu/r.cpu, 1000*limit.cpu, 1000*r.cpu))
	if limit.spread() > 0.2 {
		r.head = append(r.head, fmt.Sprintf("The limit before and after the run differ by %.0f%%: something else used this machine.", 100*limit.spread()))
	}
	r.bars = append(r.bars, bar{what: "share of what the API server allows with these writes", is: fmt.Sprintf("%.0f%%", share), should: "at least 60%", ok: share >= 60})
}

// starts sets what a trigger makes against what a bare client does, both per second.
func (r *report) starts(triggered, before, after float64) {
	limit := (before + after) / 2
	share := 100 * triggered / limit
	r.sagas.add("sagas that a trigger starts", fmt.Sprintf("%s per second (only making them)", number(triggered)))
	r.sagas.add("sagas that a bare client makes", fmt.Sprintf("%s per second (%s before, %s after)", number(limit), number(before), number(after)))
	r.bars = append(r.bars, bar{what: "what a trigger starts, of what a bare client makes", is: fmt.Sprintf("%.0f%%", share), should: "at least 80%", ok: share >= 80})
}

// writes takes in the writes of so many transactions and what each may cost at most.
func (r *report) writes(what string, w writes, per, most int) {
	r.counts = append(r.counts, counted{what, w, per})
	r.bars = append(r.bars, bar{
		what: "writes for " + what, is: fmt.Sprintf("%.3g", float64(w.total)/float64(per)), should: fmt.Sprintf("at most %d", most),
		ok: w.total <= most*per, exact: true,
	})
}

func (r *report) bytes(database, written, value float64) {
	r.sagas.add("etcd's database per finished saga", fmt.Sprintf("%s (after compaction and defragmentation)", kibibytes(database)))
	r.sagas.add("what its life writes there", fmt.Sprintf("%s (until the next compaction)", kibibytes(written)))
	r.sagas.add("its value in etcd", kibibytes(value)+" (JSON, managedFields included)")
}

func (r *report) idle(i idle) {
	reconciles := 0
	for controller, n := range i.reconciles {
		reconciles += n
		if n > 0 {
			r.idling.add("reconciles: "+controller, fmt.Sprint(n))
		}
	}
	r.idling.add("reconciles, all controllers", fmt.Sprint(reconciles))
	r.idling.add("writes", fmt.Sprint(i.window.total)+kinds(i.window))
	r.idling.add("leases, counts of definitions and upkeep, not counted", fmt.Sprint(i.window.upkeep))
	r.idling.add("CPU of the manager", fmt.Sprintf("%.1f s", i.cpu))
	r.idling.add("memory of the manager (RSS)", fmt.Sprintf("%.0f MiB", i.memory/(1<<20)))
	r.idling.add("writes after the manager was killed and started again", fmt.Sprint(i.restart.total)+kinds(i.restart))
	r.idling.add("commands sent again by the new manager", fmt.Sprint(i.resent))
	for _, zero := range []struct {
		what string
		n    int
	}{
		{"reconciles while sagas wait", reconciles}, {"writes while sagas wait", i.window.total}, {"writes on a restart while sagas wait", i.restart.total},
	} {
		r.bars = append(r.bars, bar{what: zero.what, is: fmt.Sprint(zero.n), should: "0", ok: zero.n == 0, exact: true})
	}
}

func (r *report) exactMissed() bool {
	return slices.ContainsFunc(r.bars, func(b bar) bool { return b.exact && !b.ok })
}

// print writes everything, as text or markdown.
func (r *report) print(out io.Writer, format string) error {
	tables := r.tables()
	write, bullet := (*table).text, ""
	if format == "markdown" {
		write, bullet = (*table).markdown, "- "
	}
	for _, line := range r.head {
		if _, err := fmt.Fprintln(out, bullet+line); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if err := write(t, out); err != nil {
			return err
		}
	}
	return nil
}

// tables are those of what was measured.
func (r *report) tables() []*table {
	switch {
	case r.onlyRules:
		return []*table{&r.ruled, r.barsTable()}
	case r.waiting == 0:
		return []*table{&r.limits, &r.ruled, &r.sagas, r.countsTable(), r.barsTable()}
	}
	return []*table{&r.limits, &r.ruled, &r.sagas, r.countsTable(), &r.idling, r.barsTable()}
}

func (r *report) countsTable() *table {
	t := &table{title: "API writes per transaction, from the API server's own metrics (without leases and its upkeep)"}
	head := []string{"request"}
	every := writes{kinds: map[string]int{}}
	for _, c := range r.counts {
		head = append(head, c.what)
		for kind, n := range c.writes.kinds {
			every.kinds[kind] += n
		}
	}
	t.add(head...)
	for _, kind := range every.sorted() {
		row := []string{kind}
		for _, c := range r.counts {
			row = append(row, per(c.writes.kinds[kind], c.per))
		}
		t.add(row...)
	}
	sum, upkeep := []string{"sum"}, []string{"leases, counts of definitions and upkeep, in all, not in the sum"}
	for _, c := range r.counts {
		sum = append(sum, per(c.writes.total, c.per))
		upkeep = append(upkeep, fmt.Sprint(c.writes.upkeep))
	}
	t.add(sum...)
	t.add(upkeep...)
	return t
}

func (r *report) barsTable() *table {
	t := &table{title: "Bars"}
	t.add("what", "is", "should be", "")
	for _, b := range r.bars {
		verdict := "missed"
		if b.ok {
			verdict = "passed"
		}
		t.add(b.what, b.is, b.should, verdict)
	}
	return t
}

func kinds(w writes) string {
	var all []string
	for _, kind := range w.sorted() {
		all = append(all, fmt.Sprintf("%s: %d", kind, w.kinds[kind]))
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}

func per(n, of int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.4g", float64(n)/float64(of))
}

// percentile of what is sorted: the smallest value that so many percent do not exceed; 0 of nothing.
func percentile(sorted []time.Duration, percent float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(percent / 100 * float64(len(sorted))))
	return sorted[max(rank-1, 0)]
}

func number(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

func kibibytes(bytes float64) string { return fmt.Sprintf("%.1f KiB", bytes/1024) }
