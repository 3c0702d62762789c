// run.js is the page of one run, finished or growing.
"use strict";

// Axes that a course can be drawn over.
TG.axes = { step: "step", epoch: "epoch", params: "parameters", flops: "FLOPs spent", cpu: "processor seconds", wall: "seconds" };

// Model is what is known of a run; take adds an update of the server to it.
TG.Model = class {
  constructor() { this.info = null; this.network = null; this.series = { stride: 1 }; this.evaluations = []; this.events = [];
  this.live = null; this.unread = 0; }
  take(u) {
    if (u.reset) { this.series = { stride: 1 }; this.evaluations = []; this.events = []; this.network = u.network || null; }
    this.info = u.info; this.unread = u.unread;
    if (u.network) this.network = u.network;
    const { stride, from, ...columns } = u.series;
    this.series.stride = stride;
    for (const [k, v] of Object.entries(columns)) this.series[k] = (this.series[k] || []).slice(0, from).concat(v);
    this.evaluations = this.evaluations.slice(0, u.evaluations_from).concat(u.evaluations);
    this.events = this.events.slice(0, u.events_from).concat(u.events);
    if (u.live) this.live = u.live;
  }
  get steps() { return this.series.step || []; }
  get last() { return this.steps.length - 1; }
  has(axis) { return axis !== "cpu" || (this.series.cpu || []).some(v => v > 0); }
  // at returns the index of the point that a step is in.
  at(step) { const s = this.steps; let lo = 0, hi = s.length - 1;
  while (lo < hi) { const m = (lo + hi) >> 1; if (s[m] < step) lo = m + 1; else hi = m; } return lo; }
  split() { return this.evaluations.some(e => e.split === "validation") ? "validation" : "test"; }
};

TG.RunPage = class {
  // source has load(number), filters(), assessment() and, for a live page, stream(page).
  constructor(name, source, query) {
    this.name = name; this.source = source; this.model = new TG.Model();
    this.axis = TG.axes[query.get("x")] ? query.get("x") : "step";
    this.step = query.has("step") && isFinite(+query.get("step")) ? Math.max(0, +query.get("step")) : null; // null: the newest
    this.playing = 0; this.cards = new Map(); this.filtersAt = -1;
    this.build();
    this.close = source.stream ? source.stream(this) : () => {};
  }

  build() {
    this.title = TG.h("h1", {}, this.name);
    this.badge = TG.h("span", { class: "badge", role: "status" }, "opening");
    this.subtitle = TG.h("p", { class: "soft" });
    this.faults = TG.h("div");
    this.figures = TG.h("div", { class: "figures" });
    this.drawing = new TG.Drawing();
    this.caption = TG.h("p", { "aria-live": "off" });
    this.slider = TG.h("input",
        { type: "range", min: 0, max: 0, value: 0, step: 1, "aria-label": "step of the run",
        oninput: () => this.seek(+this.slider.value >= +this.slider.max ? null : +this.slider.value) });
    this.play = TG.h("button", { type: "button", onclick: () => this.toggle() }, "▶ Play");
    this.newest = TG.h("button", { type: "button", onclick: () => this.seek(null) }, "Newest");
    this.before = TG.h("button", { type: "button", "aria-label": "event before", onclick: () => this.hop(-1) }, "◀ Event");
    this.after = TG.h("button", { type: "button", "aria-label": "next event", onclick: () => this.hop(1) }, "Event ▶");
    this.select = TG.h("select",
        { "aria-label": "axis of the curves",
        onchange: () => { this.axis = this.select.value; TG.keep({ x: this.axis === "step" ? "" : this.axis }); this.curves(); } },
        Object.entries(TG.axes).map(([k, v]) => TG.h("option", { value: k, selected: k === this.axis }, v)));
    const pick = x => this.axis === "step" && this.seek(Math.round(x));
    this.loss = new TG.Chart({ title: "Loss", y: "loss", ylog: true, onpick: pick });
    this.accuracy = new TG.Chart({ title: "Accuracy", y: "accuracy, %", format: v => TG.exact(v), onpick: pick });
    this.widths = new TG.Chart({ title: "Widths", y: "channels or neurons", zero: true, onpick: pick });
    this.size = new TG.Chart({ title: "Parameters", y: "parameters", zero: true, onpick: pick });
    this.rate = new TG.Chart({ title: "Learning rate", y: "learning rate", zero: true, onpick: pick });
    this.cosine = new TG.Chart({ title: "Gradient cosine", y: "cosine of the halves of a batch", zero: true, onpick: pick,
        empty: "No step told it: train.grad_cosine asks for it, and a batch of one micro-shard has no halves." });
    this.noise = new TG.Chart({ title: "Gradient noise scale", y: "samples", ylog: true, onpick: pick,
        empty: "No step told it: train.grad_cosine asks for it; a batch of one micro-shard and local steps have none." });
    this.speed = new TG.Chart({ title: "Speed", y: "samples/s", zero: true, onpick: pick });
    this.gainChart = new TG.Chart({ x: "predicted gain (first order)", y: "measured gain", xlog: true, ylog: true, height: 360,
        empty: "No event has measured a gain yet." });
    this.gains = TG.gains(this.gainChart);
    this.map = TG.h("div"); this.list = TG.h("div", { class: "cards" });
    this.more = TG.h("button", { type: "button", hidden: true, onclick: () => { this.shown += 50; this.growth(true); } }, "Earlier events");
    this.shown = 12;
    this.first = TG.h("div"); this.workers = TG.h("div"); this.assessed = TG.h("div"); this.again = TG.h("div");
    this.workersSection = TG.section("Workers", null, this.workers); this.workersSection.hidden = true;
    this.firstSection = TG.section("First layer",
        "Each filter of the layer that reads the pictures, in the newest checkpoint; grey is a weight of zero." +
        " A frame marks those of the last event.", this.first);
    this.firstSection.hidden = true;
    this.assessedSection = TG.section("What it gets wrong", null, this.assessed); this.assessedSection.hidden = true;
    this.element = TG.h("div", {}, TG.h("div", { class: "row" }, this.title, this.badge), this.subtitle, this.faults, this.figures,
      TG.section("Network", null, this.drawing.element, this.caption,
          TG.h("div", { class: "row controls" }, this.play, this.before, this.after, this.slider, this.newest)),
      TG.h("section", { "aria-label": "Course" }, TG.h("h2", {}, "Course"),
          TG.h("div", { class: "row controls" }, TG.h("label", {}, "over ", this.select)),
          TG.h("div", { class: "grid" }, [this.loss, this.accuracy, this.widths, this.size, this.rate, this.cosine,
            this.noise, this.speed].map(c => c.element))),
      TG.section("Growth events",
          "Each event looks at all sites at which neurons could be added, measures what the best would gain," +
          " and grows only what pays.", this.list, this.more),
      TG.section("Map of gain",
          "The decrease of the loss per FLOP of every site at every event, measured on samples that the statistics did not see.", this.map),
      TG.section("Predicted against measured gain", null, this.gainChart.element),
      this.firstSection, this.workersSection, this.assessedSection, TG.section("To make it again", null, this.again));
  }

  // take shows an update; drawing waits for the next frame.
  take(update) {
    const had = this.model.events.length, network = this.model.network;
    this.model.take(update);
    this.fault(update.fault);
    this.changed = this.changed || { growth: false, network: false };
    this.changed.growth = this.changed.growth || update.reset || update.events.length > 0 || had !== this.model.events.length;
    this.changed.network = this.changed.network || network !== this.model.network;
    if (!this.waiting) this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
  }

  fault(text) {
    const unread = this.model.unread;
    TG.replace(this.faults, text && TG.h("p", { class: "notice" }, text),
        unread > 0 && TG.h("p", { class: "notice" }, `${unread} lines of this run's files could not be read and are not shown.`));
  }

  draw() {
    const m = this.model, changed = this.changed || {};
    this.changed = null;
    this.state(m.info.state === "running" ? "running" : m.info.state);
    this.subtitle.textContent = `${m.info.model} on ${m.info.data}, policy ${m.info.policy},` +
      ` seed ${m.info.seed}${m.info.fault ? `; failed: ${m.info.fault}` : ""}${m.info.ended ? `; ended: ${m.info.ended}` : ""}` +
      (m.info.best ? `; best ${m.info.best.monitor} ${TG.exact(m.info.best.best)} at step ${TG.whole(m.info.best.step)}` +
      (m.info.best.restored ? ", with whose network it ended" : "") : "");
    this.head(); this.curves();
    if (changed.growth) { this.growth(); TG.replace(this.map, TG.map(m.events, s => this.seek(s))); this.gains(m.events); }
    this.slider.max = m.last >= 0 ? m.steps[m.last] : 0;
    this.moment();
    if (m.live) { this.workersSection.hidden = false; TG.replace(this.workers, TG.workers(m.live)); }
    if (changed.network) { this.filters(); this.assess(); TG.replace(this.again, this.commands(), TG.settings(m.info)); }
  }

  state(text) { this.badge.className = "badge " + text; this.badge.textContent = text; }

  commands() {
    const i = this.model.info, steps = i.hashes.find(h => h.key === "step");
    return [TG.h("p", { class: "soft" }, "The same bits come out for any number of workers. In the directory in which the run lies:"),
      TG.h("pre", { tabindex: 0 },
          `tinygrow verify ${TG.quote(i.name)}        # makes its last steps again and compares\n` +
          `tinygrow train --config ${TG.quote(i.name + "/config.yaml")} --set run= --run-dir ${TG.quote(i.name + "-again")}\n` +
          `tinygrow eval ${TG.quote(i.name)}${steps ? `          # step ${steps.value}` : ""}`)];
  }

  head() {
    const m = this.model, s = m.series, i = m.last, rows = [], live = m.live, test = m.evaluations.filter(e => e.split === m.split()).pop();
    const score = TG.score(m.info.metric);
    if (test) rows.push([score.tell(test.accuracy), `${test.split} ${score.name}, step ${TG.whole(test.step)}`]);
    if (i >= 0) rows.push([TG.exact(s.loss[i]), "training loss"], [TG.whole(s.params[i]), "parameters"],
        [live && live.steps ? `${TG.whole(s.step[i])} of ${TG.whole(live.steps)}` : TG.whole(s.step[i]),
        `step; epoch ${TG.exact(s.epoch[i])}`]);
    const pruned = m.events.filter(e => e.decision === "prune").length;
    rows.push([`${TG.grew(m.events)} of ${m.events.length - pruned}`, "growth events that grew"]);
    if (pruned) rows.push([TG.whole(pruned), pruned === 1 ? "pruning" : "prunings"]);
    if (i >= 0) { rows.push([TG.short(s.flops[i]), "FLOPs spent"], [TG.time(s.wall[i]), "time"]);
    if (s.cpu[i] > 0) rows.push([TG.time(s.cpu[i]), "processor time"]);
    if (m.info.state === "running") rows.push([TG.short(s.speed[i]), "samples/s"]); }
    if (live && live.left_s > 0 && m.info.state === "running") rows.push([TG.time(live.left_s), "to go"]);
    TG.replace(this.figures,
        rows.map(([value, label]) => TG.h("div", { class: "figure" }, TG.h("div", { class: "value" }, value),
        TG.h("div", { class: "label" }, label))));
  }

  curves() {
    const m = this.model, s = m.series, x = s[this.axis] || [], o = { x: TG.axes[this.axis], xzero: this.axis !== "params" };
    for (const option of this.select.options) option.disabled = !m.has(option.value);
    o.marks = m.events.filter(e => e.grown.length || e.deepened).slice(-200).map(e => this.position(e.step));
    o.cursor = this.step === null ? null : this.position(this.step);
    o.marksName = "growth";
    const splits = [...new Set(m.evaluations.map(e => e.split))], colour = { test: "var(--c1)", validation: "var(--c2)" };
    const over = (split, of) => {
      const e = m.evaluations.filter(v => v.split === split);
      return { name: split, x: e.map(v => v[this.axis]), y: e.map(of), colour: colour[split], dots: e.length < 80,
        dash: split === "test" ? "" : "7 3" }; };
    const thinned = s.stride > 1 ? `training, means of ${s.stride} steps` : "training";
    this.loss.set([{ name: thinned, x, y: s.loss || [], low: s.stride > 1 ? s.low : undefined, high: s.high, colour: "var(--c0)",
        thin: true }, ...splits.map(p => over(p, e => e.loss))], o);
    const score = TG.score(m.info.metric);
    this.accuracy.set([{ name: thinned, x, y: (s.accuracy || []).map(score.of), colour: "var(--c0)", thin: true },
        ...splits.map(p => over(p, e => score.of(e.accuracy)))], { ...o, title: TG.capital(score.name),
        y: score.name === "R2" && (s.accuracy || []).some(v => v < -1) ? "R2; what is below -1 at -1" : score.axis });
    this.size.set([{ name: "parameters", x, y: s.params || [], colour: "var(--c0)", kind: "step" }], o);
    this.rate.set([{ name: "learning rate", x, y: s.lr || [], colour: "var(--c0)" }], o);
    const measured = (name, values) => (values || []).some(v => v !== 0) ?
        [{ name, x, y: values.map(v => v === 0 ? null : v), colour: "var(--c0)", thin: true }] : [];
    this.cosine.set(measured(thinned, s.cosine), o);
    this.noise.set(measured("noise scale", s.noise), o);
    this.speed.set([{ name: "samples/s", x, y: s.speed || [], colour: "var(--c0)", thin: true }], o);
    this.widths.set(this.widthLines(), o);
  }

  // widthLines are the layers that grew or were pruned, at most eight: those that grew most.
  widthLines() {
    const m = this.model, sites = {}, end = m.last >= 0 ? m.steps[m.last] : 0;
    for (const e of m.events) for (const g of e.grown) {
      const l = sites[g.site] = sites[g.site] || { name: g.site, x: [this.position(0)], y: [g.from], kind: "step" };
      l.x.push(this.position(e.step)); l.y.push(g.to);
    }
    return Object.values(sites).sort((a, b) => (b.y[b.y.length - 1] - b.y[0]) - (a.y[a.y.length - 1] - a.y[0])).slice(0,
        8).map((l, i) => ({ ...l, x: l.x.concat(this.position(end)), y: l.y.concat(l.y[l.y.length - 1]), colour: TG.colour(i),
        dash: TG.dashes[i] }));
  }

  // position is where a step lies on the axis at hand.
  position(step) {
    const m = this.model;
    if (this.axis === "step") return step;
    if (m.last < 0) return 0;
    if (step < m.steps[0]) return this.axis === "params" ? m.series.params[0] : 0;
    return m.series[this.axis][m.at(step)];
  }

  growth(all) {
    const m = this.model, newest = m.events.slice(-this.shown).reverse(), cards = [];
    for (const e of newest) {
      const key = JSON.stringify([e.number, e.step, e.decision, e.newborn, e.seconds]), old = this.cards.get(e.number);
      if (old && old.key === key) { cards.push(old.card); continue; }
      const card = TG.card(e, n => this.source.load(n), s => { this.seek(s); this.drawing.element.scrollIntoView({ block: "center" }); });
      this.cards.set(e.number, { key, card });
      cards.push(card);
    }
    TG.replace(this.list, cards.length ? cards : TG.h("p", { class: "soft" }, "No growth event yet."));
    this.more.hidden = m.events.length <= this.shown;
  }

  generation() {
    const m = this.model;
    if (this.step === null) return Infinity;
    let g = 0;
    for (const e of m.events) if (e.step <= this.step) g = e.generation + (e.grown.length || e.deepened ? 1 : 0);
    return g;
  }

  // moment shows the step at hand: of the slider, or the newest.
  moment() {
    const m = this.model, g = this.generation(), i = m.last < 0 ? -1 : this.step === null ? m.last : m.at(this.step);
    if (this.step === null) this.slider.value = this.slider.max; else this.slider.value = this.step;
    if (m.network) { const last = this.drawing.show(m.network, m.events, g);
      this.caption.textContent = i < 0 ? "No step was made yet." :
          `Step ${TG.whole(this.step === null ? m.steps[i] : this.step)}, epoch ${TG.exact(m.series.epoch[i])}:` +
          ` generation ${m.series.generation[i]},` +
          ` ${TG.whole(m.series.params[i])} parameters, training loss ${TG.exact(m.series.loss[i])}.` +
          (last ? ` Last growth: ${TG.headline(last)} at step ${TG.whole(last.step)}.` : "");
      for (const [n, c] of this.cards) c.card.classList.toggle("now", this.step !== null && !!last && last.number === n); }
    const cursor = this.step === null ? null : this.position(this.step);
    for (const c of [this.loss, this.accuracy, this.widths, this.size, this.rate, this.cosine, this.noise, this.speed]) {
      c.options.cursor = cursor; c.showCursor(); }
  }

  seek(step) {
    this.step = step === null || this.model.last < 0 ? null : Math.min(Math.max(0, Math.round(step)), this.model.steps[this.model.last]);
    TG.keep({ step: this.step === null ? "" : this.step });
    this.moment();
  }

  hop(direction) {
    const grown = this.model.events.filter(e => e.grown.length || e.deepened), at = this.step === null ? Infinity : this.step;
    const next = direction > 0 ? grown.find(e => e.step > at) : grown.filter(e => e.step < at).pop();
    if (next) this.seek(next.step); else this.seek(direction > 0 ? null : 0);
  }

  toggle() {
    if (this.playing) { cancelAnimationFrame(this.playing); this.playing = 0; this.play.textContent = "▶ Play"; return; }
    this.play.textContent = "❚❚ Pause";
    const end = this.model.last >= 0 ? this.model.steps[this.model.last] : 0,
        from = this.step === null || this.step >= end ? 0 : this.step, started = performance.now();
    const frame = now => {
      const at = from + (now - started) / 12000 * end;
      if (at >= end) { this.seek(null); this.playing = 0; this.play.textContent = "▶ Play"; return; }
      this.seek(at);
      this.playing = requestAnimationFrame(frame);
    };
    this.playing = requestAnimationFrame(frame);
  }

  async filters() {
    try {
      const f = await this.source.filters();
      this.firstSection.hidden = !f;
      if (!f) return;
      const grown = this.model.events.filter(e => e.grown.length).pop(), last = grown && grown.grown.find(g => g.site === f.layer),
          old = last ? Math.min(last.from, last.to) : f.all, size = Math.max(1, Math.ceil(44 / Math.max(f.width, f.height)));
      TG.replace(this.first,
          TG.h("p", { class: "soft" },
          `${f.layer} at step ${TG.whole(f.step)}: ${f.pixels.length} of ${f.all} filters of ${f.height} x ${f.width}.`),
          TG.h("div", { class: "filters" }, f.pixels.map((p, i) => {
        const canvas = TG.picture(TG.decode(p), f.channels, f.height, f.width, `filter ${i}`);
        canvas.style.setProperty("width", f.width * size + "px"); canvas.style.setProperty("height", f.height * size + "px");
        return TG.h("figure", { class: i >= old ? "fresh" : undefined, title: `filter ${i}` }, canvas);
      })));
    } catch (e) { this.firstSection.hidden = false; TG.replace(this.first, TG.h("p", { class: "notice" }, String(e.message || e))); }
  }

  async assess() {
    try {
      const a = await this.source.assessment();
      this.assessedSection.hidden = !a;
      if (a) TG.replace(this.assessed, TG.assessment(a));
    } catch (e) { this.assessedSection.hidden = false; TG.replace(this.assessed, TG.h("p", { class: "notice" }, String(e.message || e))); }
  }
};

TG.quote = text => /^[\w./-]+$/.test(text) ? text : "'" + text.replaceAll("'", "'\\''") + "'";
