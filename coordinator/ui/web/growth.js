// growth.js shows growth events: cards with their reasons, the map of gains, and
// predicted against measured gains.
"use strict";

TG.perFLOP = s => s.tried && s.flops > 0 ? s.gain / s.flops * 1e6 : NaN;

TG.headline = e => {
  const parts = e.grown.map(g => `${g.site} ${g.from} → ${g.to}`);
  if (e.deepened) parts.push(`a block with ${e.deepened.site}`);
  return parts.length ? (e.decision === "prune" ? "pruned " : "grew ") + parts.join(", ") : "did not grow";
};

// grew counts the events that grew.
TG.grew = events => events.filter(e => e.grown.length && e.decision !== "prune").length;

// card returns the card of an event; load(number) returns a promise of its detail.
TG.card = (e, load, jump) => {
  const card = TG.h("article", { class: "event " + e.decision, id: "event-" + e.number, "aria-label": `event ${e.number}` });
  const more = TG.h("div"),
      details = TG.h("details", { ontoggle: () => { if (details.open && !more.firstChild) TG.detail(e, load, more); } },
      TG.h("summary", {}, "What it found, and why"), more);
  TG.fill(card, {}, [TG.h("h3", {}, TG.h("span", {}, `Event ${e.number}: ${TG.headline(e)}`),
    TG.h("small", {}, `step ${TG.whole(e.step)}, epoch ${e.epoch}`),
        jump && TG.h("small", {},
        TG.h("a", { href: TG.link(TG.address().parts, { step: e.step }), onclick: ev => { ev.preventDefault(); jump(e.step); } }, "show"))),
    TG.h("p", {}, "Why: " + e.why),
    e.computation ? TG.h("p", { class: "soft" }, "In computation: " + e.computation + ".") : null,
    e.grown.filter(g => g.sentence).map(g => TG.h("p", { class: "soft" }, g.sentence)),
        e.deepened && TG.h("p", { class: "soft" }, e.deepened.sentence),
    e.measured ? TG.h("p", { class: "soft" },
        `Loss was to fall by ${TG.short(e.predicted)} (first order), and fell by ${TG.short(e.measured)} ± ${TG.short(e.error)}` +
        ` on other samples. Parameters ${TG.whole(e.params[0])} → ${TG.whole(e.params[1])},` +
        ` FLOPs a sample ${TG.short(e.flops[0])} → ${TG.short(e.flops[1])}${e.seconds ? `; it took ${TG.time(e.seconds)}` : ""}.`) : null,
    e.decision === "prune" ? TG.h("p", { class: "soft" }, `Parameters ${TG.whole(e.params[0])} → ${TG.whole(e.params[1])},` +
        ` FLOPs a sample ${TG.short(e.flops[0])} → ${TG.short(e.flops[1])}.`) : null,
    e.newborn ? TG.h("p", { class: "soft" }, "Afterwards: " + e.newborn) : null, details]);
  return card;
};

TG.detail = async (e, load, box) => {
  TG.replace(box, TG.h("p", { class: "soft" }, "Reading the journal …"));
  let d;
  try { d = await load(e.number); } catch (fault) {
    TG.replace(box, TG.h("p", { class: "notice" }, String(fault.message || fault))); return; }
  const tried = d.found.some(s => s.tried);
  TG.replace(box,
    TG.h("p", { class: "soft" },
        `Read from ${d.samples.statistics} samples for statistics, ${d.samples.newborn} for new neurons,` +
        ` ${d.samples.amplitude} for amplitudes; mean loss ${TG.exact(d.loss)}.`),
    tried && TG.bars(d.found.map(s => ({ name: s.site, value: TG.perFLOP(s), error: s.flops > 0 ? s.error / s.flops * 1e6 : 0,
        colour: s.grew ? "var(--new)" : "var(--c0)" })),
        "Measured gain per MFLOP of a sample's forward pass, ± standard error; those that grew are orange."),
    TG.table([{ name: "site" }, { name: "width", n: 1 }, { name: "predicted", n: 1 }, { name: "measured", n: 1 },
        { name: "± error", n: 1 }, { name: "parameters", n: 1 }, { name: "verdict" }],
      d.found.map(s => [s.site, s.width, TG.short(s.predicted), s.tried ? TG.short(s.gain) : "–", s.tried ? TG.short(s.error) : "–",
          s.params ? TG.whole(s.params) : "–", s.verdict + (s.fallback ? `; random neurons were tried, as ${s.fallback}` : "")]),
          "sites of the event"),
    TG.h("h3", {}, "Spectra of the bottleneck, and the edge of noise"),
    TG.h("p", { class: "soft" },
        "Singular values by rank. What lies above the dashed line stands out from what noise alone would give (Marchenko and Pastur)."),
    TG.h("div", { class: "grid" }, d.found.filter(s => (s.spectrum || []).some(v => v > 0)).map(s => {
      const c = new TG.Chart({ title: s.site, x: "rank", y: "singular value", ylog: true, height: 190 }),
          x = s.spectrum.map((_, i) => i + 1), top = s.spectrum[0];
      const y = s.spectrum.map(v => v > top * 1e-5 ? v : null),
          lines = [{ name: "singular values", x, y, kind: "points", colour: "var(--c0)", r: 3.5 }];
      if (s.edge) lines.push({ name: `edge of noise ${TG.short(s.edge)}`, x: x.length > 1 ? [1, x.length] : [0.5, 1.5],
          y: [s.edge, s.edge], colour: "var(--c1)", dash: "6 4" });
      c.set(lines);
      return c.element;
    })));
};

// map draws the gain of every site at every event as a grid of colours.
TG.map = (events, pick) => {
  const shown = events.slice(-120), sites = [];
  for (const e of shown) for (const s of e.sites) if (!sites.includes(s.site)) sites.push(s.site);
  if (!sites.length) return TG.h("p", { class: "soft" }, "No event has looked at any site yet.");
  let top = 0;
  for (const e of shown) for (const s of e.sites) if (s.tried) top = Math.max(top, TG.perFLOP(s) || 0);
  const cell = 26, left = 20 + 7.2 * Math.min(22, Math.max(...sites.map(s => s.length))),
      w = left + Math.max(shown.length * cell, 90) + 12, height = sites.length * cell + 50;
  const svg = TG.s("svg",
      { class: "matrix", viewBox: `0 0 ${w} ${height}`, width: w, height, role: "img",
      "aria-label": `Gain of ${sites.length} sites at ${shown.length} events` });
  sites.forEach((site, r) => svg.append(TG.s("text", { x: left - 8, y: r * cell + 18, "text-anchor": "end", class: "title" },
      site.length > 22 ? "…" + site.slice(-21) : site)));
  shown.forEach((e, c) => {
    if (c % Math.ceil(40 * shown.length / Math.max(w - left, 1)) === 0) svg.append(TG.s("text",
        { x: left + c * cell + 13, y: sites.length * cell + 16, "text-anchor": "middle" }, e.number));
    for (const s of e.sites) {
      const r = sites.indexOf(s.site), v = TG.perFLOP(s), good = s.tried && v > 0;
      const level = good ? Math.min(1, Math.max(0.12, 1 + Math.log10(v / top) / 4)) : 0;
      const text = `event ${e.number}, step ${e.step}, ${s.site}: ` +
          (s.tried ? `gain ${TG.short(s.gain)} ± ${TG.short(s.error)}, ${TG.short(v)} per MFLOP` : "not tried") +
          (s.verdict ? `; ${s.verdict}` : "");
      svg.append(TG.s("rect",
          { x: left + c * cell + 1, y: r * cell + 1, width: cell - 2, height: cell - 2, rx: 3, fill: good ? "var(--c0)" : "none",
          "fill-opacity": level, stroke: "var(--line)", tabindex: -1, onclick: () => pick && pick(e.step) }, TG.s("title", {}, text)));
      if (s.grew) svg.append(TG.s("circle",
          { cx: left + c * cell + 13, cy: r * cell + 13, r: 5, fill: "var(--new)", stroke: "var(--bg)", "pointer-events": "none" }));
      else if (s.tried && !good) svg.append(TG.s("text",
          { x: left + c * cell + 13, y: r * cell + 17, "text-anchor": "middle", "pointer-events": "none" }, "−"));
    }
  });
  svg.append(TG.s("text", { x: left, y: height - 8, class: "title" }, "growth event"));
  const legend = TG.h("ul", { class: "legend" },
      [["no gain measured", 0], ["a thousandth of the best", .25], ["a tenth", .75],
      ["the best gain per FLOP", 1]].map(([name, o]) => TG.h("li", {},
      TG.s("svg", { width: 16, height: 14, "aria-hidden": "true" },
      TG.s("rect", { x: 1, y: 1, width: 14, height: 12, fill: o ? "var(--c0)" : "none", "fill-opacity": o,
      stroke: "var(--line)" })), name)),
    TG.h("li", {}, TG.s("svg", { width: 16, height: 14, "aria-hidden": "true" },
        TG.s("circle", { cx: 8, cy: 7, r: 5, fill: "var(--new)" })), "grew"));
  return TG.h("div", { class: "panel" }, legend,
      TG.h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "map of gains" }, svg));
};

// gains draws measured against predicted gains.
TG.gains = chart => events => {
  const tried = { x: [], y: [], error: [], labels: [] }, grown = { x: [], y: [], error: [], labels: [] };
  for (const e of events) {
    for (const s of e.sites) if (s.tried && s.predicted > 0 && s.gain > 0) {
      tried.x.push(s.predicted); tried.y.push(s.gain);
      tried.labels.push(`event ${e.number}, ${s.site}: predicted ${TG.short(s.predicted)},` +
          ` measured ${TG.short(s.gain)} ± ${TG.short(s.error)}`); }
    if (e.predicted > 0 && e.measured > 0) {
      grown.x.push(e.predicted); grown.y.push(e.measured); grown.error.push(e.error);
      grown.labels.push(`event ${e.number}: predicted ${TG.short(e.predicted)},` +
        ` measured ${TG.short(e.measured)} ± ${TG.short(e.error)}`); }
  }
  const all = tried.x.concat(tried.y, grown.x, grown.y), both = TG.range(all, true);
  chart.set([{ name: "one site, tried alone", kind: "points", hollow: true, colour: "var(--c7)", ...tried, error: undefined },
      { name: "the event, as it grew", kind: "points", colour: "var(--c1)", r: 5, ...grown }],
    { xrange: all.length ? both : undefined, yrange: all.length ? both : undefined,
        diagonals: all.length ?
        [{ name: "measured as predicted", slope: 1, dash: "" },
        { name: "half of it: the best of a parabola", slope: .5, dash: "6 4" }] : [] });
};
