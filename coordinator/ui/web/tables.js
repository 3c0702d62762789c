// tables.js shows workers, how the network tells classes apart, and how the run is made again.
"use strict";

TG.phases = [["wait_s", "waiting for workers"], ["serve_s", "serving and writing"], ["reduce_s", "adding sums"],
    ["update_s", "updating weights"], ["encode_s", "getting weights ready"]];

TG.workers = live => {
  const parts = [];
  if (live.waiting) parts.push(TG.h("p", { class: "notice" }, "Waiting: " + live.waiting));
  parts.push(live.workers.length ?
      TG.table([{ name: "worker" }, { name: "host" }, { name: "state" }, { name: "threads", n: 1 }, { name: "blocks/s", n: 1 },
      { name: "samples/s", n: 1 }, { name: "blocks", n: 1 }, { name: "received", n: 1 }, { name: "holds a block for", n: 1 }],
    live.workers.map(w => [w.id, w.host, w.state + (w.why ? `: ${w.why}` : ""), w.threads, TG.exact(w.blocks_per_s),
        TG.short(w.samples_per_s), TG.whole(w.blocks), TG.bytes(w.bytes), w.lag_s > 0 ? TG.time(w.lag_s) : "–"]), "workers") :
        TG.h("p", { class: "soft" }, "No worker is here."));
  const { steps, wall_s: wall, phases: t } = live.timing, all = TG.phases.reduce((sum, [k]) => sum + (t[k] || 0), 0);
  if (all > 0) {
    parts.push(TG.h("h3", {}, "Where a step's time goes"),
        TG.h("p", { class: "soft" },
        `${TG.exact(1000 * wall / steps)} ms a step over the last ${TG.whole(steps)} steps, of the coordinator's own goroutine.`),
      TG.h("div", { class: "phases", role: "img",
          "aria-label": TG.phases.map(([k, name]) => `${name} ${(100 * t[k] / all).toFixed(1)} %`).join(", ") },
          TG.phases.map(([k], i) => TG.h("div", { style: { width: 100 * t[k] / all + "%", background: TG.colour(i) } }))),
      TG.h("ul", { class: "legend" },
          TG.phases.map(([k, name], i) => TG.h("li", {},
          TG.s("svg", { width: 12, height: 12, "aria-hidden": "true" },
          TG.s("rect", { width: 12, height: 12, fill: TG.colour(i) })),
          `${name} ${(100 * t[k] / all).toFixed(1)} % (${TG.exact(1000 * t[k] / steps)} ms)`))));
  }
  if (live.news.length) parts.push(TG.h("details", {}, TG.h("summary", {}, `News (${live.news.length})`),
      TG.h("ul", {}, live.news.slice().reverse().map(n => TG.h("li", {}, `${n.at}: ${n.text}`)))));
  return parts;
};

TG.className = (a, k) => a.classes[k] === undefined ? String(k) : a.classes[k];

// assessment shows confusions, scores and mistakes.
TG.assessment = a => {
  const n = a.classes.length,
      parts = [TG.h("p", { class: "soft" },
      `${TG.whole(a.correct)} of ${TG.whole(a.samples)} ${a.split} samples are right` +
      ` (${TG.percent(a.correct / a.samples)}), with the weights of step ${TG.whole(a.step)}.`)];
  const wrong = a.confusions.filter(c => c.truth !== c.predicted);
  if (n <= 40) parts.push(TG.h("h3", {}, "Confusion matrix"), TG.matrix(a));
  if (wrong.length) parts.push(TG.h("h3", {}, "Most frequent confusions"),
      TG.table([{ name: "is" }, { name: "was taken for" }, { name: "samples", n: 1 }],
      wrong.slice(0, 10).map(c => [TG.className(a, c.truth), TG.className(a, c.predicted), TG.whole(c.count)]),
      "most frequent confusions"));
  const scores = a.scores.map((s, k) => ({ ...s, k })).sort((x, y) => x.f1 - y.f1);
  const table = TG.table([{ name: "class" }, { name: "samples", n: 1 }, { name: "precision", n: 1 }, { name: "recall", n: 1 },
      { name: "F1", n: 1 }],
      scores.map(s => [TG.className(a, s.k), TG.whole(s.samples), TG.percent(s.precision), TG.percent(s.recall), s.f1.toFixed(4)]),
      "scores by class");
  parts.push(n <= 20 ? TG.h("div", {}, TG.h("h3", {}, "Each class, the worst first"), table) :
      TG.h("details", {}, TG.h("summary", {}, `Each of the ${n} classes, the worst first`), table));
  if (a.mistakes.length) parts.push(TG.h("h3", {}, "Most confident mistakes"),
      a.input.c === 1 || a.input.c === 3 ? TG.h("div", { class: "mistakes" }, a.mistakes.map(m => TG.h("figure", {},
    TG.picture(TG.decode(m.pixels), a.input.c, a.input.h, a.input.w, `sample ${m.index}: ${TG.className(a, m.truth)}`),
        TG.h("figcaption", {},
        `${TG.className(a, m.truth)}, taken for ${TG.className(a, m.predicted)} (${(100 * m.probability).toFixed(1)} %)`)))) :
        TG.h("p", { class: "soft" }, "The samples are no pictures of one or three channels."));
  return parts;
};

TG.matrix = a => {
  const n = a.classes.length, cell = n <= 12 ? 44 : n <= 20 ? 34 : 20,
      longest = Math.min(14, Math.max(...a.classes.map(c => c.length))), left = 34 + 7.4 * longest, top = 34 + 5.6 * longest,
      w = left + n * cell + 10 + 5 * longest, height = top + n * cell + 8;
  const svg = TG.s("svg",
      { class: "matrix", viewBox: `0 0 ${w} ${height}`, width: w, height, role: "img", "aria-label": "Confusion matrix" }),
      cut = t => t.length > 14 ? t.slice(0, 13) + "…" : t;
  svg.append(TG.s("text", { class: "title", x: left, y: 14 }, "predicted class"),
      TG.s("text", { class: "title", x: 12, y: top + n * cell / 2, transform: `rotate(-90 12 ${top + n * cell / 2})`,
      "text-anchor": "middle" }, "true class"));
  for (let k = 0; k < n;
  k++) svg.append(TG.s("text", { x: left - 6, y: top + k * cell + cell / 2 + 4, "text-anchor": "end" }, cut(TG.className(a, k))),
      TG.s("text", { x: left + k * cell + cell / 2, y: top - 8, transform: `rotate(-40 ${left + k * cell + cell / 2} ${top - 8})` },
      cut(TG.className(a, k))),
    ...Array.from({ length: n },
        (_, c) => TG.s("rect", { x: left + c * cell, y: top + k * cell, width: cell, height: cell, fill: "none", stroke: "var(--grid)" })));
  for (const c of a.confusions) {
    const all = Math.max(1, a.scores[c.truth].samples), part = c.count / all, right = c.truth === c.predicted,
        x = left + c.predicted * cell, y = top + c.truth * cell, level = right ? .1 + .5 * part : Math.min(.95, .12 + 3 * part);
    svg.append(TG.s("rect",
        { x, y, width: cell, height: cell, fill: right ? "var(--c0)" : "var(--c1)", "fill-opacity": level, stroke: "var(--grid)" },
        TG.s("title", {}, `${c.count} of ${all} of ${TG.className(a, c.truth)} taken for ${TG.className(a, c.predicted)}`)));
    if (cell >= 30) svg.append(TG.s("text",
        { class: "title", x: x + cell / 2, y: y + cell / 2 + 4, "text-anchor": "middle", "pointer-events": "none" }, c.count));
  }
  return TG.h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "confusion matrix" }, svg);
};

TG.settings = info => [
  info.hashes.length ? TG.table([{ name: "of the newest checkpoint", class: "key" }, { name: "value", class: "key" }],
      info.hashes.map(s => [s.key, s.value]), "hashes") : null,
  TG.h("details", {}, TG.h("summary", {}, `All ${info.settings.length} settings`),
      TG.table([{ name: "key", class: "key" }, { name: "value", class: "key" }], info.settings.map(s => [s.key, s.value]), "settings"))];
