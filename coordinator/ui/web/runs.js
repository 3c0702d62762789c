// runs.js is the list of runs and the page that compares several of them.
"use strict";

TG.listPage = (summaries, folder) => {
  const chosen = new Set(),
      button = TG.h("button",
      { type: "button", disabled: true, onclick: () => { location.hash = TG.link(["compare"], { run: [...chosen] }); } }, "Compare");
  const note = TG.h("span", { class: "soft" }, "Choose two or more runs to compare.");
  const rows = summaries.map(r => [
    TG.h("input", { type: "checkbox", "aria-label": `choose ${r.name}`,
        onchange: e => { if (e.target.checked) chosen.add(r.name); else chosen.delete(r.name); button.disabled = chosen.size < 2; } }),
    TG.h("a", { href: TG.link(["run", r.name]) }, r.name),
        TG.h("span", { class: "badge " + (r.state || "") }, r.fault ? "cannot be read" : r.state),
        r.fault || `${r.model} on ${r.data}${r.state === "failed" ? `; ${r.why}` : ""}`, r.policy,
    r.split ? (r.metric ? `${r.metric} ` : "") + TG.score(r.metric).tell(r.accuracy) : "–",
      TG.whole(r.params), TG.whole(r.step), TG.exact(r.epoch),
      r.flops ? TG.short(r.flops) : "–", TG.time(r.wall), r.host || "–", new Date(r.changed).toLocaleString()]);
  return TG.h("div", {}, TG.h("h1", {}, "Runs"), TG.h("p", { class: "soft mono" }, folder),
    summaries.length ? [TG.h("div", { class: "row controls" }, button, note),
        TG.table([{ name: "" }, { name: "run" }, { name: "state" }, { name: "network and data" }, { name: "policy" },
        { name: "accuracy", n: 1 }, { name: "parameters", n: 1 }, { name: "step", n: 1 }, { name: "epoch", n: 1 },
        { name: "FLOPs", n: 1 }, { name: "time", n: 1 }, { name: "host" }, { name: "changed" }], rows, "runs")]
      : TG.h("p", { class: "notice" }, "There is no run in this folder yet. tinygrow train makes one; it appears here by itself."));
};

TG.ComparePage = class {
  // models are {name, model} of several runs.
  constructor(models, query) {
    this.models = models;
    this.axis = TG.axes[query.get("x")] ? query.get("x") : "params";
    this.select = TG.h("select",
        { "aria-label": "axis of the curves",
        onchange: () => { this.axis = this.select.value; TG.keep({ x: this.axis }); this.draw(); } },
        Object.entries(TG.axes).map(([k, v]) => TG.h("option", { value: k, selected: k === this.axis }, v)));
    const metrics = new Set(models.map(({ model }) => model.info.metric || "")), mixed = metrics.size > 1,
        score = TG.score([...metrics][0]);
    const y = mixed ? "accuracy, %, or 100 R2" : score.axis, of = metric => mixed && metric === "R2" ? v => 100 * TG.score(metric).of(v) :
      TG.score(metric).of;
    this.score = models.map(({ model }) => ({ ...TG.score(model.info.metric), of: of(model.info.metric) }));
    this.accuracy = new TG.Chart({ title: mixed ? "Accuracy, or R2" : TG.capital(score.name), y, height: 340, format: v => TG.exact(v) });
    this.best = new TG.Chart({ title: "Where each run ended", y, height: 340, format: v => TG.exact(v) });
    this.loss = new TG.Chart({ title: "Training loss", y: "loss", ylog: true, height: 300 });
    this.size = new TG.Chart({ title: "Parameters over steps", y: "parameters", x: "step", zero: true, height: 300 });
    const end = models.map(({ name, model: m }, i) => {
      const e = m.evaluations.filter(v => v.split === m.split()).pop(), k = m.last, s = m.series;
      return [TG.h("span", {},
          TG.s("svg", { width: 22, height: 10, "aria-hidden": "true" },
          TG.s("line", { x1: 0, x2: 20, y1: 6, y2: 6, stroke: TG.colour(i), "stroke-width": 3,
          "stroke-dasharray": TG.dashes[i % 8] })), " ", name), m.info.policy, `${m.info.model} on ${m.info.data}`, m.info.seed,
          e ? (m.info.metric ? `${m.info.metric} ` : "") + this.score[i].tell(e.accuracy) : "–",
          e ? TG.exact(e.loss) : "–", k < 0 ? "–" : TG.whole(s.params[k]),
          `${TG.grew(m.events)} of ${m.events.filter(v => v.decision !== "prune").length}`, k < 0 ? "–" : TG.whole(s.step[k]),
          k < 0 ? "–" : TG.short(s.flops[k]), k < 0 ? "–" : TG.time(s.wall[k]), k < 0 || !s.cpu[k] ? "–" : TG.time(s.cpu[k])];
    });
    const keys = new Map();
    models.forEach(({ model }, i) => {
      for (const s of model.info.settings) {
      if (!keys.has(s.key)) keys.set(s.key, models.map(() => "–")); keys.get(s.key)[i] = s.value; } });
    // The text of a network is told by its name and digest.
    const differ = [...keys].filter(([k, values]) => k !== "model.text" && values.some(v => v !== values[0]));
    this.element = TG.h("div", {}, TG.h("h1", {}, `${models.length} runs compared`),
      TG.table([{ name: "run" }, { name: "policy" }, { name: "network and data" }, { name: "seed", n: 1 },
          { name: "accuracy", n: 1 }, { name: "loss", n: 1 }, { name: "parameters", n: 1 }, { name: "events that grew", n: 1 },
          { name: "steps", n: 1 }, { name: "FLOPs", n: 1 }, { name: "time", n: 1 }, { name: "processor time", n: 1 }], end,
          "where the runs ended"),
      TG.h("div", { class: "row controls" }, TG.h("label", {}, "over ", this.select)),
          TG.h("div", { class: "grid" }, [this.accuracy, this.best, this.loss, this.size].map(c => c.element)),
      TG.section("Settings that differ", null,
          differ.length ? TG.table([{ name: "key", class: "key" }, ...models.map(m => ({ name: m.name, class: "key" }))],
          differ.map(([k, v]) => [k, ...v]), "settings that differ") : TG.h("p", { class: "soft" }, "None.")));
    this.draw();
  }

  draw() {
    const o = { x: TG.axes[this.axis], xlog: this.axis === "params" || this.axis === "flops" };
    for (const option of this.select.options) option.disabled = !this.models.every(m => m.model.has(option.value));
    const line = (i, more) => ({ name: this.models[i].name, colour: TG.colour(i), dash: TG.dashes[i % 8], ...more });
    const evaluated = this.models.map(({ model: m }) => m.evaluations.filter(v => v.split === m.split()));
    this.accuracy.set(evaluated.map((e, i) => line(i,
        { x: e.map(v => v[this.axis]), y: e.map(v => this.score[i].of(v.accuracy)), dots: e.length < 50 })), o);
    this.best.set(evaluated.map((e, i) => line(i,
        { kind: "points", r: 6, x: e.slice(-1).map(v => v[this.axis]), y: e.slice(-1).map(v => this.score[i].of(v.accuracy)),
        labels: e.slice(-1).map(v => `${this.models[i].name}: ${this.score[i].tell(v.accuracy)} at` +
          ` ${TG.short(v[this.axis])} ${TG.axes[this.axis]}`) })), o);
    this.loss.set(this.models.map(({ model: m }, i) => line(i, { x: m.series[this.axis] || [], y: m.series.loss || [], thin: true })), o);
    this.size.set(this.models.map(({ model: m }, i) => line(i, { x: m.steps, y: m.series.params || [], kind: "step" })));
  }
};
