// The report's behaviour: charts that fit and follow the theme, one picked trial, a table to sort and filter.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const views = new Map(); // chart name -> Vega view
  let picked = null; // { trial, configuration }

  // ---- theme: the system's, until a reader chooses
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  const isDark = () => (chosen ?? (system.matches ? "dark" : "light")) === "dark";
  const applyTheme = () => root.classList.toggle("dark", isDark());
  applyTheme();
  system.addEventListener("change", () => { applyTheme(); drawAll(); });
  document.getElementById("theme").addEventListener("click", () => {
    chosen = isDark() ? "light" : "dark";
    applyTheme();
    drawAll();
  });

  // ---- charts
  const recolour = (value, dark) => {
    if (!dark) return value;
    if (typeof value === "string") return data.dark[value.toLowerCase()] ?? value;
    if (Array.isArray(value)) return value.map((item) => recolour(item, dark));
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, item]) =>
        [key, key === "datasets" || key === "values" ? item : recolour(item, dark)]));
    return value;
  };
  const NARROWEST_PANEL = 230; // pixels
  const AXIS_ROOM = 62; // pixels beside each panel of several
  const fit = (spec, width) => {
    if (spec.concat) {
      const columns = Math.max(1, Math.min(spec.columns ?? 1, Math.floor(width / NARROWEST_PANEL)));
      const panel = Math.floor(width / columns) - AXIS_ROOM;
      return { ...spec, columns, concat: spec.concat.map((one) => ({ ...one, width: panel })) };
    }
    return { ...spec, width, autosize: { type: "fit-x", contains: "padding" } };
  };
  const LEGEND_ROOM = 44; // pixels of each entry besides its label
  const legendLabels = (item) => item.role === "legend-label"
    ? item.items.map((label) => label.bounds.width())
    : (item.items ?? []).flatMap(legendLabels);
  const draw = async (plot) => {
    const name = plot.dataset.chart, dark = isDark();
    const width = Math.floor(plot.getBoundingClientRect().width);
    plot.dataset.width = width;
    const spec = recolour(fit(data.charts[name], width), dark);
    const config = { ...recolour(data.config, dark), background: null, padding: { left: 2, right: 6, top: 6, bottom: 4 } };
    const embed = (legend) => vegaEmbed(plot, spec, { actions: false, renderer: data.canvas.includes(name) ? "canvas" : "svg", config: { ...config, legend: { ...config.legend, ...legend } }, logLevel: 1, tooltip: { theme: "custom" } });
    let result = await embed({});
    const labels = legendLabels(result.view.scenegraph().root);
    const columns = Math.max(1, Math.floor(width / (Math.max(0, ...labels) + LEGEND_ROOM)));
    if (columns < labels.length && labels.reduce((sum, one) => sum + one + LEGEND_ROOM, 0) > width) {
      result.view.finalize();
      result = await embed({ columns });
    }
    views.get(name)?.finalize();
    views.set(name, result.view);
    result.view.addEventListener("click", (event, item) => {
      const datum = item?.datum ?? {};
      if (datum.trial_id || datum.configuration) pick(datum.trial_id, datum.configuration);
    });
    showPicked(name, result.view);
  };
  let drawing = Promise.resolve();
  const drawAll = () => {
    drawing = drawing.then(async () => { for (const plot of all("[data-chart]")) await draw(plot); root.dataset.drawn = "yes"; });
    return drawing;
  };
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const moved = all("[data-chart]").some((plot) => Math.abs(plot.getBoundingClientRect().width - plot.dataset.width) > 4);
      if (moved) drawAll();
    }, 200);
  });

  // ---- one picked trial, shown everywhere
  const rows = all("#table tbody tr");
  const rowOf = new Map(rows.map((row) => [row.dataset.trial, row]));
  const firstOf = new Map();
  for (const row of rows) if (!firstOf.has(row.dataset.configuration)) firstOf.set(row.dataset.configuration, row.dataset.trial);
  const bar = document.getElementById("picked");
  const pick = (trial, configuration) => {
    trial = trial ?? firstOf.get(configuration);
    const row = rowOf.get(trial);
    if (!row) return;
    picked = picked?.trial === trial ? null : { trial, configuration: row.dataset.configuration };
    for (const other of rows) {
      const mine = other.dataset.trial === picked?.trial;
      other.classList.toggle("picked", mine);
      other.querySelector(".pick").setAttribute("aria-pressed", String(mine));
    }
    bar.hidden = !picked;
    if (picked) {
      bar.querySelector("strong").textContent = trial;
      bar.querySelector("span").textContent = all("td", row).slice(0, 6).map((cell) => cell.textContent).filter((text) => text !== "–").join(" · ");
      bar.querySelector(".copy").dataset.copy = data.command + data.commands[trial];
    }
    for (const [name, view] of views) showPicked(name, view);
  };
  const showPicked = (name, view) => {
    const known = data.signals[name] ?? [];
    if (known.includes("picked")) view.signal("picked", picked?.trial ?? "");
    if (known.includes("picked_configuration")) view.signal("picked_configuration", picked?.configuration ?? "");
    if (name === "curves") {
      const curve = data.curves[picked?.trial] ?? [];
      view.data("picked_curve", curve.map((value, i) => ({ epoch: i + 1, accuracy: value === null ? null : value / 1e4 })));
    }
    view.runAsync();
  };
  bar.querySelector(".clear").addEventListener("click", () => { if (picked) pick(picked.trial); });
  addEventListener("keydown", (event) => { if (event.key === "Escape" && picked) pick(picked.trial); });

  // ---- copy
  const copy = async (text) => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }));
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".copy");
    if (!button) return;
    await copy(button.dataset.copy);
    const before = button.dataset.label ?? (button.dataset.label = button.textContent);
    button.textContent = "Copied";
    button.classList.add("done");
    setTimeout(() => { button.textContent = before; button.classList.remove("done"); }, 1600);
  });

  // ---- the table
  const table = document.getElementById("table");
  if (table) {
    const heads = all("thead th", table), body = table.tBodies[0];
    const names = heads.map((head) => head.dataset.name.toLowerCase());
    const valueAt = (row, i) => (i === 0 ? row.dataset.trial : row.cells[i].dataset.value);
    table.addEventListener("click", (event) => {
      const button = event.target.closest(".pick");
      if (button) pick(button.closest("tr").dataset.trial);
    });
    heads.forEach((head, i) => head.firstElementChild.addEventListener("click", () => {
      const numeric = "numeric" in head.dataset;
      const first = numeric ? "descending" : "ascending", second = numeric ? "ascending" : "descending";
      const order = head.getAttribute("aria-sort") === first ? second : first;
      heads.forEach((other) => other.setAttribute("aria-sort", other === head ? order : "none"));
      const sign = order === "ascending" ? 1 : -1;
      const compare = (a, b) => {
        const x = valueAt(a, i), y = valueAt(b, i);
        if (x === "" || y === "") return (x === "") - (y === ""); // what is missing comes last
        return sign * (numeric ? x - y : x.localeCompare(y, undefined, { numeric: true }));
      };
      body.append(...[...body.rows].sort(compare));
    }));

    const filter = document.getElementById("filter"), count = document.getElementById("filter-count");
    const number = (text) => (text.endsWith("%") ? parseFloat(text) / 100 : /k$/i.test(text) ? parseFloat(text) * 1e3 : /m$/i.test(text) ? parseFloat(text) * 1e6 : Number(text));
    const condition = (word) => {
      const parts = /^([a-z_]+)(>=|<=|>|<|=)(.+)$/i.exec(word);
      const i = parts ? names.indexOf(parts[1].toLowerCase()) : -1;
      if (i < 0) return (row) => row.textContent.toLowerCase().includes(word.toLowerCase());
      const wanted = number(parts[3]);
      const test = { ">": (v) => v > wanted, "<": (v) => v < wanted, ">=": (v) => v >= wanted, "<=": (v) => v <= wanted, "=": (v) => v === wanted }[parts[2]];
      return (row) => {
        const value = valueAt(row, i);
        if (value === "") return false;
        return Number.isNaN(wanted) || Number.isNaN(Number(value)) ? parts[2] === "=" && value.toLowerCase() === parts[3].toLowerCase() : test(Number(value));
      };
    };
    filter.addEventListener("input", () => {
      const conditions = filter.value.trim().split(/\s+/).filter(Boolean).map(condition);
      let shown = 0;
      for (const row of rows) {
        row.hidden = !conditions.every((holds) => holds(row));
        shown += !row.hidden;
      }
      count.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} trials`;
    });
  }

  addEventListener("beforeprint", () => all("details").forEach((one) => { one.open = true; }));
  drawAll();
})();
