// chart.js draws lines and points over two axes as SVG, at the width that there is.
"use strict";

// ticks returns round values between lo and hi, or powers of ten on a logarithmic axis.
TG.ticks = (lo, hi, wanted, log) => {
  const out = [];
  if (log) {
    const first = Math.ceil(Math.log10(lo) - 1e-9), last = Math.floor(Math.log10(hi) + 1e-9),
        every = Math.max(1, Math.ceil((last - first + 1) / wanted));
    for (let e = first; e <= last; e += every) out.push(Math.pow(10, e));
    if (out.length >= 2) return out;
    for (let e = Math.floor(Math.log10(lo)); e <= Math.log10(hi); e++) for (const m of [1, 2, 3, 5, 7]) {
      const v = m * Math.pow(10, e); if (v >= lo && v <= hi && !out.includes(v)) out.push(v); }
    return out.sort((a, b) => a - b).filter((_, i, all) => i % Math.ceil(all.length / wanted) === 0);
  }
  const raw = (hi - lo) / wanted, power = Math.pow(10, Math.floor(Math.log10(raw))),
      step = [1, 2, 2.5, 5, 10].map(m => m * power).find(v => v >= raw * 0.999);
  for (let v = Math.ceil(lo / step - 1e-9) * step; v <= hi + step * 1e-9; v += step) out.push(Math.abs(v) < step * 1e-9 ? 0 : v);
  return out;
};

// range returns where an axis begins and ends for all values.
TG.range = (values, log, zero) => {
  let lo = Infinity, hi = -Infinity;
  for (const v of values) if (v !== null && isFinite(v) && (!log || v > 0)) { if (v < lo) lo = v; if (v > hi) hi = v; }
  if (lo > hi) return log ? [1, 10] : [0, 1];
  if (zero) lo = Math.min(lo, 0);
  if (lo === hi) return log ? [lo / 2, hi * 2] : [lo - (Math.abs(lo) || 1) / 2, hi + (Math.abs(hi) || 1) / 2];
  if (log) return [lo / 1.1, hi * 1.1];
  const pad = (hi - lo) * 0.04;
  return [zero && lo === 0 ? 0 : lo - pad, hi + pad];
};

// Chart is a figure that can be drawn again with other lines. A line is {name, x, y, low,
// high, error, kind: "line", "step" or "points", colour, dash, r, labels}. Options: title,
// x, y (labels of the axes), xlog, ylog, yrange, zero, marks (x of vertical lines), cursor (an
// x), diagonals ([{name, slope}]), height, format (of y), onpick(x), empty (text).
TG.Chart = class {
  constructor(options) {
    this.options = options;
    this.lines = [];
    this.legend = TG.h("ul", { class: "legend" });
    this.box = TG.h("div", { class: "chart", tabindex: 0, role: "img" });
    this.title = options.title && TG.h("h3", {}, options.title);
    this.element = TG.h("div", { class: "panel" }, this.title, this.legend, this.box);
    this.tip = TG.h("div", { class: "tip", hidden: true });
    this.width = 0;
    this.observer = new ResizeObserver(() => {
      const w = Math.floor(this.box.clientWidth); if (w > 0 && w !== this.width) { this.width = w; this.draw(); } });
    this.observer.observe(this.box);
    this.box.addEventListener("pointermove", e => this.point(e));
    this.box.addEventListener("pointerleave", () => this.hover(null));
    this.box.addEventListener("blur", () => this.hover(null));
    this.box.addEventListener("click", e => { this.point(e); if (this.options.onpick && this.at) this.options.onpick(this.at.x); });
    this.box.addEventListener("keydown", e => this.key(e));
  }

  set(lines, more = {}) {
    this.lines = lines.filter(l => l.x.length > 0);
    Object.assign(this.options, more);
    if (more.title) this.title.textContent = more.title;
    this.draw();
  }

  draw() {
    const o = this.options, w = this.width || Math.floor(this.box.clientWidth);
    if (!w) return;
    const height = o.height || (w < 420 ? 230 : 280);
    this.sketchLegend();
    this.box.setAttribute("aria-label", this.describe());
    if (!this.lines.length) { TG.replace(this.box, TG.h("p", { class: "soft" }, o.empty || "Nothing to draw yet.")); return; }
    let xs = [], ys = [];
    for (const l of this.lines) { xs = xs.concat(l.x); ys = ys.concat(l.y, l.high || [], l.low || []); }
    const [x0, x1] = o.xrange || TG.range(xs, o.xlog, o.xzero), [y0, y1] = o.yrange || TG.range(ys, o.ylog, o.zero);
    const format = o.format || TG.short, yticks = TG.ticks(y0, y1, Math.max(3, Math.floor(height / 55)), o.ylog).map(v => [v, format(v)]);
    const left = 34 + 7 * Math.max(...yticks.map(t => t[1].length), 1), right = w - 14, top = 8, bottom = height - 44;
    const scale = (v, lo, hi, a, b, log) => log ? a + (Math.log(v) - Math.log(lo)) / (Math.log(hi) - Math.log(lo)) * (b - a) : a +
        (v - lo) / (hi - lo) * (b - a);
    const X = v => scale(v, x0, x1, left, right, o.xlog), Y = v => scale(v, y0, y1, bottom, top, o.ylog);
    this.frame = { X, Y, left, right, top, bottom };
    const svg = TG.s("svg", { viewBox: `0 0 ${w} ${height}`, height, "aria-hidden": "true" });
    for (const [v, text] of yticks) svg.append(TG.s("line", { class: "grid-line", x1: left, x2: right, y1: Y(v), y2: Y(v) }),
        TG.s("text", { x: left - 6, y: Y(v) + 4, "text-anchor": "end" }, text));
    for (const v of TG.ticks(x0, x1, Math.max(2, Math.floor((right - left) / 80)), o.xlog)) svg.append(TG.s("line",
        { class: "grid-line", x1: X(v), x2: X(v), y1: top, y2: bottom }),
        TG.s("text", { x: X(v), y: bottom + 17, "text-anchor": X(v) > right - 16 ? "end" : "middle" }, TG.short(v)));
    svg.append(TG.s("line", { class: "axis", x1: left, x2: right, y1: bottom, y2: bottom }),
        TG.s("text", { class: "title", x: (left + right) / 2, y: height - 7, "text-anchor": "middle" }, o.x),
      TG.s("text", { class: "title", x: 14, y: (top + bottom) / 2, "text-anchor": "middle",
          transform: `rotate(-90 14 ${(top + bottom) / 2})` }, o.y));
    for (const m of o.marks || []) if (m >= x0 &&
        m <= x1) svg.append(TG.s("line", { class: "mark", x1: X(m), x2: X(m), y1: top, y2: bottom }));
    for (const d of o.diagonals || []) {
      const from = Math.max(x0, y0 / d.slope), to = Math.min(x1, y1 / d.slope);
      if (from < to) svg.append(TG.s("line",
          { x1: X(from), y1: Y(from * d.slope), x2: X(to), y2: Y(to * d.slope), stroke: "var(--soft)", "stroke-dasharray": d.dash }));
    }
    const inside = v => v !== null && isFinite(v) && (!o.ylog || v > 0), insideX = v => v !== null && isFinite(v) && (!o.xlog || v > 0);
    for (const l of this.lines) if (l.low) {
      const up = [], down = [];
      l.x.forEach((x, i) => {
        if (insideX(x) && inside(l.low[i]) && inside(l.high[i])) {
        up.push(`${X(x).toFixed(1)},${Y(l.high[i]).toFixed(1)}`); down.unshift(`${X(x).toFixed(1)},${Y(l.low[i]).toFixed(1)}`); } });
      if (up.length > 1) svg.append(TG.s("polygon", { points: up.concat(down).join(" "), fill: l.colour, "fill-opacity": .16 }));
    }
    for (const l of this.lines) {
      let path = "", pen = false, lastY = 0;
      l.x.forEach((x, i) => {
        if (!insideX(x) || !inside(l.y[i])) { pen = false; return; }
        const px = X(x).toFixed(1), py = Y(l.y[i]).toFixed(1);
        path += !pen ? `M${px} ${py}` : l.kind === "step" ? `L${px} ${lastY}L${px} ${py}` : `L${px} ${py}`;
        pen = true; lastY = py;
        if (l.error && isFinite(l.error[i])) svg.append(TG.s("line",
            { x1: px, x2: px, y1: Y(Math.min(y1, l.y[i] + l.error[i])),
            y2: Y(o.ylog ? Math.max(y0, l.y[i] - l.error[i]) : l.y[i] - l.error[i]), stroke: l.colour }));
        if (l.kind === "points" || l.dots) svg.append(l.hollow ?
            TG.s("circle", { cx: px, cy: py, r: l.r || 4, fill: "none", stroke: l.colour, "stroke-width": 1.5 }) :
            TG.s("circle", { cx: px, cy: py, r: l.r || 3, fill: l.colour }));
      });
      if (l.kind !== "points" &&
          path) svg.append(TG.s("path",
          { d: path, fill: "none", stroke: l.colour, "stroke-width": l.thin ? 1.5 : 2, "stroke-dasharray": l.dash,
          "stroke-linejoin": "round" }));
    }
    this.cursor = TG.s("line", { class: "cursor", y1: top, y2: bottom, visibility: "hidden" });
    svg.append(this.cursor);
    TG.replace(this.box, svg, this.tip);
    this.hover(this.at || null);
  }

  showCursor() {
    const c = this.at ? this.at.x : this.options.cursor;
    if (!this.cursor || !this.frame) return;
    const px = c === undefined || c === null ? NaN : this.frame.X(c);
    this.cursor.setAttribute("visibility", px >= this.frame.left - 1 && px <= this.frame.right + 1 ? "visible" : "hidden");
    if (isFinite(px)) { this.cursor.setAttribute("x1", px); this.cursor.setAttribute("x2", px); }
  }

  sketchLegend() {
    const items = this.lines.map(l => [l.name,
        l.kind === "points" ? TG.s("circle", { cx: 11, cy: 6, r: 4, fill: l.hollow ? "none" : l.colour, stroke: l.colour }) :
        TG.s("line", { x1: 0, x2: 22, y1: 6, y2: 6, stroke: l.colour, "stroke-width": 3, "stroke-dasharray": l.dash })]);
    for (const d of this.options.diagonals ||
        []) items.push([d.name,
        TG.s("line", { x1: 0, x2: 22, y1: 6, y2: 6, stroke: "var(--soft)", "stroke-width": 2, "stroke-dasharray": d.dash })]);
    if ((this.options.marks || []).length) items.push([this.options.marksName || "growth",
        TG.s("line", { class: "mark", x1: 11, x2: 11, y1: 0, y2: 12, "stroke-width": 2 })]);
    TG.replace(this.legend,
        items.map(([name, sample]) => TG.h("li", {}, TG.s("svg", { width: 22, height: 12, "aria-hidden": "true" }, sample), name)));
  }

  describe() {
    const o = this.options;
    return `${o.title || o.y}: ${o.y} over ${o.x}. ` +
        this.lines.map(l => `${l.name}: ${l.y.length} points, the last ${(o.format || TG.short)(l.y[l.y.length - 1])}`).join("; ") +
        ". Arrow keys move along.";
  }

  point(e) {
    if (!this.frame || !this.lines.length) return;
    const box = this.box.getBoundingClientRect(), px = e.clientX - box.left, py = e.clientY - box.top;
    let best = null, near = Infinity;
    const points = this.lines.every(l => l.kind === "points");
    for (const l of this.lines) for (let i = 0; i < l.x.length; i++) {
      const d = Math.abs(this.frame.X(l.x[i]) - px) + (points ? Math.abs(this.frame.Y(l.y[i]) - py) : 0);
      if (d < near) { near = d; best = { x: l.x[i], line: l, i }; }
    }
    this.hover(best);
  }

  key(e) {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[e.key], l = this.lines.reduce((a, b) => !a || b.x.length > a.x.length ? b : a, null);
    if (e.key === "Escape") this.hover(null);
    if (e.key === "Enter" && this.at && this.options.onpick) this.options.onpick(this.at.x);
    if (!move || !l) return;
    e.preventDefault();
    let i = this.at ? l.x.indexOf(this.at.x) : -1;
    i = i < 0 ? (move > 0 ? 0 : l.x.length - 1) : Math.min(Math.max(i + move * (e.shiftKey ? 10 : 1), 0), l.x.length - 1);
    this.hover({ x: l.x[i], line: l, i });
  }

  hover(at) {
    this.at = at;
    this.showCursor();
    this.tip.hidden = !at;
    if (!at || !this.frame) return;
    const format = this.options.format || TG.exact, rows = [];
    if (at.line.kind === "points" && at.line.labels) rows.push(TG.h("div", {}, at.line.labels[at.i]));
    else {
      rows.push(TG.h("div", {}, `${this.options.x} ${TG.exact(at.x)}`));
      for (const l of this.lines) {
        let k = 0;
        for (let i = 0; i < l.x.length; i++) if (Math.abs(l.x[i] - at.x) < Math.abs(l.x[k] - at.x)) k = i;
        rows.push(TG.h("div", {}, `${l.name} ${format(l.y[k])}`));
      }
    }
    TG.replace(this.tip, rows.slice(0, 14));
    const px = this.frame.X(at.x), flip = px > this.width * 0.55;
    this.tip.style.setProperty("left", flip ? "auto" : px + 12 + "px");
    this.tip.style.setProperty("right", flip ? this.width - px + 12 + "px" : "auto");
    this.tip.style.setProperty("top", "12px");
  }
};

// bars draws horizontal bars with errors: rows are {name, value, error, colour, note}.
TG.bars = (rows, label) => {
  const values = rows.flatMap(r => [r.value - (r.error || 0), r.value + (r.error || 0), 0]).filter(isFinite),
      [lo, hi] = TG.range(values, false, true);
  const w = 620, row = 26, left = 110, right = w - 160, X = v => left + (v - lo) / (hi - lo) * (right - left);
  const svg = TG.s("svg",
      { viewBox: `0 0 ${w} ${rows.length * row}`, width: w, role: "img",
      "aria-label": label + ": " + rows.map(r => `${r.name} ${TG.exact(r.value)}`).join(", ") });
  svg.append(TG.s("line", { class: "axis", x1: X(0), x2: X(0), y1: 0, y2: rows.length * row }));
  rows.forEach((r, i) => {
    const y = i * row + 4, mid = y + 9;
    svg.append(TG.s("text", { x: left - 8, y: mid + 4, "text-anchor": "end", class: "title" },
        r.name.length > 15 ? r.name.slice(0, 14) + "…" : r.name));
    if (!isFinite(r.value)) { svg.append(TG.s("text", { x: X(0) + 6, y: mid + 4 }, r.note || "not tried")); return; }
    svg.append(TG.s("rect",
        { x: Math.min(X(0), X(r.value)), y, width: Math.max(1, Math.abs(X(r.value) - X(0))), height: 18,
        fill: r.colour || "var(--c0)", rx: 2 }));
    if (r.error) svg.append(TG.s("line",
        { x1: X(r.value - r.error), x2: X(r.value + r.error), y1: mid, y2: mid, stroke: "var(--ink)", "stroke-width": 1.5 }));
    svg.append(TG.s("text", { x: w - 4, y: mid + 4, "text-anchor": "end" },
        `${TG.short(r.value)}${r.error ? " ± " + TG.short(r.error) : ""}`));
  });
  return TG.h("div", {}, TG.h("p", { class: "soft" }, label), TG.h("div", { class: "scroll" }, svg));
};
