package admin

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/assent-iom/assent/ledger"
	"github.com/assent-iom/assent/proxy/gate"
)

// Metrics counts what happens at the gate, and reads the rest from the daemon when
// it is asked.
type Metrics struct {
	registry  *prometheus.Registry
	decisions *prometheus.CounterVec
	outcomes  *prometheus.CounterVec
	resolved  *prometheus.CounterVec
	held      prometheus.Counter
	added     prometheus.Histogram
	reloads   *prometheus.CounterVec
}

func newMetrics(version string, current func() (Daemon, bool)) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		decisions: counter("assent_decisions_total", "Recorded decisions.", "verdict", "mode", "platform"),
		outcomes:  counter("assent_outcomes_total", "Outcomes of forwarded changes.", "result"),
		resolved:  counter("assent_outcomes_resolved_total", "Outcomes that were unknown, and that what exists has told since.", "result"),
		held:      prometheus.NewCounter(prometheus.CounterOpts{Name: "assent_held_total", Help: "Changes that began to wait for an approval."}),
		added: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "assent_added_seconds",
			Help:    "Time that Assent itself took to judge and record a change, waiting for approvals included.",
			Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 10, 60, 600}}),
		reloads: counter("assent_reloads_total", "Attempts to put newer declared documents, tables or authorities in force.", "what", "result"),
	}
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "assent_build_info", Help: "The running program.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()}}, func() float64 { return 1 })
	m.registry.MustRegister(m.decisions, m.outcomes, m.resolved, m.held, m.added, m.reloads, info, seen{current},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Event counts one event of the gate.
func (m *Metrics) Event(e gate.Event) {
	switch {
	case e.Turned != nil: // counted by the proxy
	case e.Held != nil:
		m.held.Inc()
	case e.Outcome != nil:
		m.outcomes.WithLabelValues(e.Outcome.Result).Inc()
	default:
		m.decisions.WithLabelValues(e.Decision.Verdict.String(), e.Decision.Mode.String(), e.Decision.Action.Platform).Inc()
		m.added.Observe(e.Added.Seconds())
	}
}

// Resolved counts an outcome that was unknown.
func (m *Metrics) Resolved(r ledger.Resolved) { m.resolved.WithLabelValues(r.Result).Inc() }

// Reloaded counts an attempt to put something newer in force.
func (m *Metrics) Reloaded(what string, err error) {
	result := "in force"
	if err != nil {
		result = "refused"
	}
	m.reloads.WithLabelValues(what, result).Inc()
}

// seen reads what the daemon knows anyway.
type seen struct{ current func() (Daemon, bool) }

type reading struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func readings() map[string]reading {
	one := func(kind prometheus.ValueType, name, help string, labels ...string) reading {
		return reading{prometheus.NewDesc(name, help, labels, nil), kind}
	}
	return map[string]reading{
		"ready":    one(prometheus.GaugeValue, "assent_ready", "1 if changes are judged and recorded."),
		"judged":   one(prometheus.CounterValue, "assent_judged_total", "Governed calls that reached the gate, reads included."),
		"refused":  one(prometheus.CounterValue, "assent_refused_total", "Of these, calls that were refused."),
		"turned":   one(prometheus.CounterValue, "assent_turned_away_total", "Calls refused at the door, before they could be judged."),
		"tunnels":  one(prometheus.GaugeValue, "assent_tunnels", "Tunnels that are open."),
		"requests": one(prometheus.GaugeValue, "assent_requests_in_flight", "Governed calls in flight."),
		"bodies":   one(prometheus.GaugeValue, "assent_bodies_bytes", "Bytes of bodies held to be judged."),
		"bounds":   one(prometheus.CounterValue, "assent_bounds_met_total", "How often a bound of limits was met.", "bound"),
		"passed":   one(prometheus.CounterValue, "assent_passed_total", "Ungoverned tunnels and requests that went by blind."),
		"bytes":    one(prometheus.CounterValue, "assent_passed_bytes_total", "Bytes that went by blind.", "direction"),
		"entries":  one(prometheus.GaugeValue, "assent_ledger_entries", "Entries of the ledger."),
		"age":      one(prometheus.GaugeValue, "assent_model_age_seconds", "How long ago the shared model's database was last heard; -1: never. Absent where the model is a file."),
		"oldest":   one(prometheus.GaugeValue, "assent_model_max_age_seconds", "The age past which nothing is destroyed by what is known."),
		"followed": one(prometheus.GaugeValue, "assent_model_followed", "The last event of the shared model's log that is known here."),
		"waiting":  one(prometheus.GaugeValue, "assent_model_waiting", "Observations that wait to be written to the shared model."),
		"unsaved":  one(prometheus.CounterValue, "assent_model_unsaved_total", "Observations that found no room while the database was away."),
		"fenced":   one(prometheus.CounterValue, "assent_model_fenced_total", "What a collector read that was not taken, since its lease was over."),
		"reloads":  one(prometheus.CounterValue, "assent_model_reloads_total", "How often the shared model was loaded anew, the place in its log being lost."),
	}
}

// Describe implements prometheus.Collector.
func (seen) Describe(out chan<- *prometheus.Desc) {
	for _, r := range readings() {
		out <- r.desc
	}
}

// Collect implements prometheus.Collector.
func (s seen) Collect(out chan<- prometheus.Metric) {
	d, ok := s.current()
	if !ok {
		return
	}
	all := readings()
	put := func(name string, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(all[name].desc, all[name].kind, value, labels...)
	}
	ready := 1.0
	if d.Ready() != nil {
		ready = 0
	}
	st := d.Stats()
	var passed, up, down int64
	for _, p := range st.Passed {
		passed, up, down = passed+p.Times, up+p.BytesUp, down+p.BytesDown
	}
	put("ready", ready)
	put("judged", float64(st.Judged))
	put("refused", float64(st.Refused))
	put("turned", float64(st.TurnedAway))
	put("tunnels", float64(st.Tunnels))
	put("requests", float64(st.Requests))
	put("bodies", float64(st.Bodies))
	put("passed", float64(passed))
	put("bytes", float64(up), "up")
	put("bytes", float64(down), "down")
	put("entries", float64(d.Entries()))
	if m, shared := d.Shared(); shared {
		put("age", m.Age)
		put("oldest", m.Max)
		put("followed", float64(m.Seq))
		put("waiting", float64(m.Waiting))
		put("unsaved", float64(m.Unsaved))
		put("fenced", float64(m.Fenced))
		put("reloads", float64(m.Reloads))
	}
	for bound, times := range st.Bounds {
		put("bounds", float64(times), bound)
	}
}
