// dom.js makes elements. Text that comes from a run only ever becomes text.
"use strict";
const TG = {};

// h makes an HTML element: h("p", {class: "soft", onclick: f}, "text", child).
TG.h = (tag, attributes = {}, ...children) => TG.fill(document.createElement(tag), attributes, children);
// s makes an SVG element.
TG.s = (tag, attributes = {}, ...children) => TG.fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

TG.fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(3)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
};

TG.replace = (element,
    ...children) => element.replaceChildren(...children.flat(3).filter(c => c !== undefined && c !== null && c !== false));

// Numbers as people read them.
TG.whole = v => Math.round(v).toLocaleString("en-US");
TG.short = v => {
  if (v === null || v === undefined || !isFinite(v)) return "–";
  const a = Math.abs(v);
  if (a === 0) return "0";
  if (a >= 1e15 || a < 1e-4) return v.toExponential(1).replace("e+", "e");
  for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (a >= size * 0.99995) return trim(v / size) + letter;
  return trim(v);
  function trim(x) { return String(Number(x.toPrecision(3))); }
};
TG.exact = v => v === null || v === undefined || !isFinite(v) ? "–" : Math.abs(v) >= 1e4 && Number.isInteger(v) ? TG.whole(v) :
    String(Number(Number(v).toPrecision(4)));
TG.percent = v => v === null || v === undefined || !isFinite(v) ? "–" : (100 * v).toFixed(2) + " %";
// score is what an accuracy is called, with its axis, and how it is drawn and told: R2 is a number, all else a part in per cent. An R2 far
// below 0 is drawn at -1.
TG.score = metric => metric === "R2" ?
  { name: "R2", axis: "R2", of: v => Math.max(v, -1), tell: v => v === null || v === undefined || !isFinite(v) ? "–" : v.toFixed(4) } :
  { name: metric || "accuracy", axis: `${metric || "accuracy"}, %`, of: v => 100 * v, tell: TG.percent };
TG.capital = text => text[0].toUpperCase() + text.slice(1);
TG.time = seconds => {
  if (!isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 10) return seconds.toFixed(1) + " s";
  if (seconds < 100) return Math.round(seconds) + " s";
  const m = Math.round(seconds / 60);
  return m < 100 ? m + " min" : (seconds / 3600).toFixed(1) + " h";
};
TG.bytes = v => TG.short(v) + "B";
TG.colour = i => `var(--c${i % 8})`;
TG.dashes = ["", "7 3", "2 3", "9 3 2 3", "4 4", "1 3", "12 4", "6 2 1 2"];

// The address: #/run/NAME?step=3&x=flops. Parts are decoded.
TG.address = () => {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").filter(Boolean).map(p => { try { return decodeURIComponent(p); } catch { return p; } }),
      query: new URLSearchParams(query || "") };
};
TG.link = (parts, query = {}) => {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) for (const one of [v].flat()) if (one !== undefined && one !== null &&
      one !== "") q.append(k, one);
  return "#/" + parts.map(encodeURIComponent).join("/") + (String(q) ? "?" + q : "");
};
// keep writes the query of the page at hand into the address, as a deep link.
TG.keep = (changes) => {
  const { parts, query } = TG.address();
  for (const [k, v] of Object.entries(changes)) { if (v === undefined || v === null || v === "") query.delete(k); else query.set(k, v); }
  history.replaceState(null, "", "#/" + parts.map(encodeURIComponent).join("/") + (String(query) ? "?" + query : ""));
};

TG.table = (columns, rows, caption) => TG.h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
  TG.h("table", {}, TG.h("thead", {}, TG.h("tr", {}, columns.map(c => TG.h("th", { scope: "col", class: c.n ? "n" : undefined }, c.name)))),
    TG.h("tbody", {}, rows.map(r => TG.h("tr", {}, columns.map((c, i) => TG.h("td", { class: c.n ? "n" : c.class }, r[i])))))));

TG.section = (title, note, ...children) => TG.h("section", { "aria-label": title }, TG.h("h2", {}, title),
    note && TG.h("p", { class: "soft" }, note), children);

// picture draws bytes (C, H, W) on a canvas.
TG.picture = (pixels, channels, height, width, label) => {
  const canvas = TG.h("canvas", { width, height, role: "img", "aria-label": label });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height), plane = width * height;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = pixels[channels === 3 ? c * plane + i : i];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
};
TG.decode = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
