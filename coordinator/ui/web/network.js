// network.js draws the network on its widest form: a column for each layer, as high as
// the layer is wide, with what it lacks of its widest form as an empty frame.
"use strict";

// widthsAt returns the width of each layer in a generation, and what came last.
TG.widthsAt = (network, events, generation) => {
  const width = {};
  for (const n of network.nodes) width[n.id] = n.kind === "layer" ? n.start : n.shape.c;
  let last = null;
  for (const e of events) if (e.generation < generation) {
    for (const g of e.grown) for (const [id, each] of TG.members(network, g.site)) width[id] = g.to * each;
    if (e.grown.length || e.deepened) last = e;
  }
  const fresh = {};
  if (last) for (const g of last.grown) for (const [id, each] of TG.members(network, g.site)) fresh[id] = Math.max(g.to - g.from, 0) * each;
  return { width, fresh, last };
};

// members are the nodes that a site widens, and by how many channels for each of its neurons: one node, all of the
// stream that it writes, or what has the heads of an attention.
TG.members = (network, site) => {
  const own = network.nodes.find(n => n.id === site);
  if (own && own.heads === site) return network.nodes.filter(n => n.heads === site).map(n => [n.id, n.each]);
  return own && own.group ? network.nodes.filter(n => n.group === own.group).map(n => [n.id, 1]) : [[site, 1]];
};

// signs stand where several nodes meet that are not added up.
TG.signs = { multiply: "×", concat: "‖", attention: "A" };

TG.widest = (network, events) => {
  const widest = {};
  for (const n of network.nodes) widest[n.id] = Math.max(n.shape.c, n.start);
  for (const e of events) for (const g of e.grown) for (const [id, each] of TG.members(network, g.site))
    if (widest[id] !== undefined) widest[id] = Math.max(widest[id], g.to * each);
  return widest;
};

TG.Drawing = class {
  constructor() {
    this.box = TG.h("div", { class: "scroll", tabindex: 0, role: "img", "aria-label": "The network" });
    this.element = TG.h("div", { class: "panel" }, TG.h("ul", { class: "legend" },
      [["width now", "var(--layer)", "var(--layer-line)", ""], ["new in the last event", "var(--new)", "var(--new)", ""],
          ["its widest in this run", "none", "var(--soft)", "3 3"]].map(([name, fill, stroke, dash]) =>
        TG.h("li", {}, TG.s("svg", { width: 16, height: 14, "aria-hidden": "true" },
            TG.s("rect", { x: 1, y: 1, width: 14, height: 12, fill, stroke, "stroke-dasharray": dash })), name))), this.box);
    this.key = "";
  }

  // show draws a generation; what stays the same is moved, not made again.
  show(network, events, generation) {
    const widest = TG.widest(network, events), key = JSON.stringify([network.nodes.map(n => n.id), widest]);
    const { width, fresh, last } = TG.widthsAt(network, events, generation);
    if (key !== this.key) { this.key = key; this.make(network, widest); }
    const words = [];
    for (const n of network.nodes) {
      const d = this.drawn[n.id];
      if (!d || n.kind === "sum") { if (d) d.group.setAttribute("opacity", n.born > generation ? .25 : 1); continue; }
      const w = n.born > generation ? 0 : width[n.id], added = Math.min(fresh[n.id] || 0, w), whole = this.high(w),
          top = this.middle - whole / 2, part = w ? whole * added / w : 0;
      d.now.setAttribute("y", top); d.now.setAttribute("height", Math.max(whole - part, 0));
      d.fresh.setAttribute("y", top + whole - part); d.fresh.setAttribute("height", part);
      d.count.textContent = TG.whole(w);
      d.count.setAttribute("class", added ? "title" : "");
      d.hint.textContent = `${n.id}: ${n.op}, ${w} of ${widest[n.id]} ${n.shape.h > 1 ? "channels" : "neurons"}` +
        `${n.shape.h > 1 ? `, ${n.shape.h} x ${n.shape.w}` : ""}${added ? `, ${added} new` : ""}`;
      if (n.kind === "layer") words.push(`${n.id} ${w}${added ? ` (${added} new)` : ""}`);
    }
    for (const link of this.links) this.place(link, width, generation);
    this.box.setAttribute("aria-label", `The network in generation ${generation}: ${words.join(", ")}`);
    return last;
  }

  high(w) { return w <= 0 ? 0 : Math.max(2, w / this.most * 170); }

  make(network, widest) {
    this.most = Math.max(...Object.values(widest), 1);
    this.drawn = {}; this.links = [];
    const place = {}, skips = [];
    const many = network.nodes.length, gap = many > 16 ? 48 : many > 9 ? 72 : window.innerWidth < 560 ? 56 : 120,
        half = this.half = gap > 70 ? 20 : 13;
    let x = 46;
    network.nodes.forEach((n, i) => {
      place[n.id] = { x, i, half: n.kind === "sum" ? 6 : half }; x += n.kind === "sum" ? Math.min(gap, 36) : gap; });
    network.nodes.forEach((n, i) => n.inputs.forEach(id => { if (place[id] && place[id].i < i - 1) skips.push([id, n.id]); }));
    const longest = Math.max(...network.nodes.map(n => n.id.length)), over = skips.length ? 46 : 8;
    this.middle = over + 22 + 85;
    const bottom = this.middle + 85, height = bottom + 26 + (longest > 6 ? Math.min(longest, 22) * 5.2 : 0), width = x - gap + 70;
    const svg = TG.s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    for (const n of network.nodes) for (const id of n.inputs) {
      const a = place[id], b = place[n.id];
      if (!a) continue;
      if (a.i === b.i - 1) {
        const shape = TG.s("polygon", { fill: "var(--soft)", "fill-opacity": .14 }); svg.append(shape);
        this.links.push({ shape, a, b, from: network.nodes[a.i], to: n }); }
      else { const rise = Math.min(42, 14 + 4 * (b.i - a.i)), y = over + 10;
      svg.append(TG.s("path",
          { d: `M${a.x + 4} ${y + 8}C${a.x + 10} ${y - rise + 10} ${b.x - 10} ${y - rise + 10} ${b.x} ${y + 8}`, fill: "none",
          stroke: "var(--soft)", "stroke-width": 1.5 }),
          TG.s("line", { x1: b.x, x2: b.x, y1: y + 8, y2: this.middle - 7, stroke: "var(--soft)", "stroke-width": 1.5,
          "stroke-dasharray": "2 3" })); }
    }
    for (const n of network.nodes) {
      const p = place[n.id], hint = TG.s("title", {}, n.id), group = TG.s("g", {}, hint);
      if (n.kind === "sum") group.append(TG.s("circle",
          { cx: p.x, cy: this.middle, r: 8, fill: "var(--bg)", stroke: "var(--soft)" }),
          TG.s("text", { x: p.x, y: this.middle + 4, "text-anchor": "middle" }, TG.signs[n.op] || "+"));
      const d = { group, hint };
      if (n.kind !== "sum") {
        const h = this.high(widest[n.id]), ink = n.kind === "layer" ? "var(--layer)" : "var(--grid)",
            line = n.kind === "layer" ? "var(--layer-line)" : "var(--soft)";
        d.now = TG.s("rect", { class: "layer-fill", x: p.x - half, width: 2 * half, fill: ink, stroke: line });
        d.fresh = TG.s("rect", { class: "layer-fill", x: p.x - half, width: 2 * half, fill: "var(--new)" });
        d.count = TG.s("text", { x: p.x, y: this.middle - h / 2 - 6, "text-anchor": "middle" });
        group.append(TG.s("rect",
            { x: p.x - half, y: this.middle - h / 2, width: 2 * half, height: h, fill: "none", stroke: "var(--soft)",
            "stroke-dasharray": "3 3" }), d.now, d.fresh, d.count);
        const name = n.id.length > 22 ? "…" + n.id.slice(-21) : n.id;
        group.append(name.length <= 6 ? TG.s("text", { x: p.x, y: bottom + 16, "text-anchor": "middle" }, name) :
            TG.s("text", { x: p.x + 4, y: bottom + 14, "text-anchor": "end", transform: `rotate(-42 ${p.x + 4} ${bottom + 14})` }, name));
      }
      this.drawn[n.id] = d;
      svg.append(group);
    }
    TG.replace(this.box, svg);
  }

  place({ shape, a, b, from, to }, width, generation) {
    const size = n => n.kind === "sum" ? 8 : this.high(n.born > generation ? 0 : width[n.id]) || 1;
    const p = size(from) / 2, q = size(to) / 2, m = this.middle;
    shape.setAttribute("points", `${a.x + a.half},${m - p} ${b.x - b.half},${m - q} ${b.x - b.half},${m + q} ${a.x + a.half},${m + p}`);
  }
};
