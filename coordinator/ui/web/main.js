// main.js shows the page that the address names: of a server, or of what is embedded in a report.
"use strict";

TG.fetch = async path => {
  const answer = await fetch(path, { credentials: "same-origin", headers: { Accept: "application/json" } });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.error || `the server answers ${answer.status}`);
  return body;
};

// served is a run on a server.
TG.served = name => {
  const base = "api/runs/" + encodeURIComponent(name);
  return {
    load: n => TG.fetch(`${base}/events/${n}`), filters: () => TG.fetch(base + "/filters"),
        assessment: () => TG.fetch(base + "/assessment"),
    stream: page => {
      let source = null, timer = 0, tries = 0;
      const open = () => {
        source = new EventSource(base + "/stream");
        source.addEventListener("update", e => { tries = 0; page.take(JSON.parse(e.data)); });
        source.addEventListener("gone", e => { source.close(); page.fault(JSON.parse(e.data).error); page.state("lost"); });
        source.onerror = () => {
          page.state("lost"); if (source.readyState === EventSource.CLOSED) {
          source.close(); timer = setTimeout(open, Math.min(500 * 2 ** tries++, 8000)); } };
      };
      open();
      return () => { clearTimeout(timer); if (source) source.close(); };
    },
  };
};

// embedded is a run in a report.
TG.embedded = r => ({
  load: async n => { const d = r.details.find(e => e.number === n);
  if (!d) throw new Error("The report holds the details of the newest events only; tinygrow ui shows all."); return d; },
    filters: async () => r.filters, assessment: async () => r.assessment });

TG.top = (name, report) => {
  const toggle = TG.h("button", { type: "button", "aria-label": "light or dark", onclick: () => {
    const root = document.documentElement,
        dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* a report opened from a file may not */ }
  } }, "◐");
  TG.replace(document.getElementById("top"),
      TG.h("div", { class: "bar" },
      report ? TG.h("span", { class: "brand" }, "tinygrow") : TG.h("a", { class: "brand", href: "#/" }, "tinygrow"),
      name && TG.h("span", { class: "name" }, name), TG.h("span", { class: "space" }),
      report && TG.h("span", { class: "soft" }, report), toggle));
};

TG.show = element => TG.replace(document.getElementById("main"), element);
TG.leave = () => {};

TG.route = async () => {
  TG.leave(); TG.leave = () => {};
  const { parts, query } = TG.address(), turn = TG.turn = {};
  const still = () => TG.turn === turn;
  try {
    if (parts[0] === "run" && parts[1]) {
      document.title = parts[1] + " · tinygrow";
      TG.top(parts[1]);
      const page = new TG.RunPage(parts[1], TG.served(parts[1]), query);
      TG.page = page; TG.leave = () => { page.close(); if (page.playing) page.toggle(); };
      TG.show(page.element);
    } else if (parts[0] === "compare") {
      document.title = "compare · tinygrow"; TG.top("compare");
      const names = query.getAll("run").slice(0, 16),
          models = await Promise.all(names.map(async name => {
        const model = new TG.Model(); model.take(await TG.fetch("api/runs/" + encodeURIComponent(name))); return { name, model }; }));
      if (still()) TG.show(new TG.ComparePage(models, query).element);
    } else {
      document.title = "runs · tinygrow"; TG.top();
      const list = async first => {
        const all = await TG.fetch("api/runs");
        if (!still()) return;
        if (first && all.only) { location.replace(TG.link(["run", all.only])); return; }
        const key = JSON.stringify(all.runs);
        if (key !== turn.key && !document.querySelector("input:checked")) { turn.key = key; TG.show(TG.listPage(all.runs, all.folder)); }
        turn.timer = setTimeout(() => list(false).catch(() => { turn.timer = setTimeout(() => still() && TG.route(), 3000); }), 3000);
      };
      TG.leave = () => clearTimeout(turn.timer);
      await list(true);
    }
  } catch (e) {
    if (still()) TG.show(TG.h("div", {}, TG.h("p", { class: "notice" }, String(e.message || e)),
        TG.h("p", {}, TG.h("a", { href: "#/" }, "All runs"))));
  }
};

TG.start = () => {
  try { const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme; } catch { /* none is kept */ }
  const data = document.getElementById("data");
  if (!data) { addEventListener("hashchange", TG.route); TG.route(); return; }
  const report = JSON.parse(data.textContent), { query } = TG.address();
  document.title = report.title;
  TG.top(report.runs.length === 1 ? report.runs[0].update.info.name : "compare", report.made);
  if (report.runs.length === 1) {
    const r = report.runs[0], page = TG.page = new TG.RunPage(r.update.info.name, TG.embedded(r), query);
    TG.show(page.element); page.take(r.update);
    if (report.environment) page.element.append(TG.section("Made with", null,
        TG.table([{ name: "what", class: "key" }, { name: "value", class: "key" }], report.environment.map(s => [s.key, s.value]),
        "environment")));
  } else TG.show(new TG.ComparePage(report.runs.map(r => {
    const model = new TG.Model(); model.take(r.update); return { name: r.update.info.name, model }; }), query).element);
};
TG.start();
