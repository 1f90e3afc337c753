// Values under the pointer, the keyboard or a finger; a legend that hides and shows; findings shown in their plots.
// The page can be read without it.
'use strict';
(() => {
  const WIDTH = 1000, HEIGHT = 400, SVG = 'http://www.w3.org/2000/svg';
  const figures = JSON.parse(document.getElementById('data').textContent).figures;
  const make = (name, className, text) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // As `plot/unit.rs` and `plot/scale.rs` have it.
  const grouped = n => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
  const digits = (n, most) => String(Number(n.toPrecision(most)));
  const latency = ms => ms < 0.001 ? `${digits(ms * 1e6, 3)} ns` : ms < 1 ? `${digits(ms * 1e3, 3)} µs`
    : ms < 1000 ? `${digits(ms, 3)} ms` : `${digits(ms / 1e3, 3)} s`;
  const FORMAT = {
    seconds: s => s < 120 ? `${s.toFixed(2)} s` : `${Math.floor(s / 60)} min ${(s % 60).toFixed(1)} s`,
    count: grouped,
    per_second: n => `${n < 100 ? digits(n, 3) : grouped(n)} /s`,
    millis: latency,
    percent: n => `${digits(n, 6)} %`,
    quantile: q => `${digits(q * 100, 8)} %`,
  };
  const tickText = (n, max) => max >= 100000 && n >= 10000 && n % 100 === 0 ? `${digits(n / 1000, 6)}k`
    : Number.isInteger(n) ? grouped(n) : digits(n, 6);
  const nines = q => -Math.log10(Math.max(1 - q, 1e-9));
  const place = (scale, value) => {
    const along = { linear: v => v, log: v => Math.log10(Math.max(v, Number.MIN_VALUE)), nines }[scale.kind];
    const [low, high] = scale.kind === 'nines' ? [scale.min, scale.max] : [along(scale.min), along(scale.max)];
    return Math.min(1, Math.max(0, (along(value) - low) / (high - low)));
  };
  const valueAt = (scale, share) => scale.kind === 'nines' ? 1 - 10 ** -(share * scale.max)
    : scale.min + share * (scale.max - scale.min);
  const roundStep = (max, unit) => {
    const rough = max > 0 ? max / 5 : 0.2, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(factor => factor * power).find(step => step >= rough * 0.9) || power * 10;
    return unit === 'count' ? Math.max(1, Math.round(step)) : step;
  };

  const hidden = (figure, series) => series.keys.some(key => figure.off.has(key));
  const shownSeries = (figure, panel) => panel.series.filter(series => !hidden(figure, series));

  // The points of a series on the axes; a step has two for each of its values.
  const points = (panel, series, base) => {
    const xs = panel.xs[series.xs], out = [];
    const at = (x, index) => {
      const y = series.ys[index], low = base ? base[out.length] : 0;
      const drawn = y === null || y === undefined ? (panel.stacked ? low : null) : low + place(panel.y, y);
      out.push([place(panel.x, xs[x]), drawn]);
    };
    for (let i = 0; i < series.ys.length; i++) {
      at(i, i);
      if (panel.step && i + 1 < xs.length) at(i + 1, i);
    }
    return out;
  };
  const put = (command, [x, y]) => `${command}${(x * WIDTH).toFixed(1)} ${((1 - y) * HEIGHT).toFixed(1)}`;
  const line = all => all.map((p, i) => {
    if (p[1] === null) return '';
    const first = i === 0 || all[i - 1][1] === null, last = i + 1 === all.length || all[i + 1][1] === null;
    return put(first ? 'M' : 'L', p) + (first && last ? 'h0' : '');
  }).join('');
  const dots = all => all.filter(p => p[1] !== null).map(p => put('M', p) + 'h0').join('');
  const area = (lower, upper) => upper.length
    ? upper.concat(lower.slice().reverse()).map((p, i) => put(i ? 'L' : 'M', p)).join('') + 'Z' : '';

  const highest = (figure, panel) => {
    const shown = shownSeries(figure, panel);
    if (!panel.stacked) return Math.max(0, ...shown.map(series => series.ys.reduce((most, y) => Math.max(most, y || 0), 0)));
    let most = 0;
    for (let i = 0; i < panel.xs[0].length; i++) most = Math.max(most, shown.reduce((sum, series) => sum + (series.ys[i] || 0), 0));
    return most;
  };

  const draw = (figure, panel) => {
    let below = null;
    panel.series.forEach((series, index) => {
      const off = hidden(figure, series), [path, beads] = panel.paths[index];
      [path, beads].forEach(element => element && element.classList.toggle('off', off));
      if (off) return;
      const own = points(panel, series, below && below.map(p => p[1]));
      if (panel.stacked) {
        path.setAttribute('d', area(below || own.map(([x]) => [x, 0]), own));
        below = own;
      } else {
        path.setAttribute('d', line(own));
        if (beads) beads.setAttribute('d', dots(own));
      }
    });
  };

  // What is left to see fills the height again, on one scale for all panels of a group; a logarithmic scale stays.
  const rescale = figure => {
    for (const group of new Set(figure.panels.map(panel => panel.group))) {
      const panels = figure.panels.filter(panel => panel.group === group && panel.y.kind === 'linear');
      const most = Math.max(0, ...panels.map(panel => highest(figure, panel)));
      for (const panel of panels) {
        const step = roundStep(most, panel.y.unit), max = Math.max(Math.ceil(most / step) * step, step);
        panel.y = { ...panel.y, max };
        const ticks = Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, n) => n * step);
        panel.plot.querySelector('.ys').replaceChildren(...ticks.map(tick => {
          const label = make('span', '', tickText(tick, max));
          label.style.bottom = `${tick / max * 100}%`;
          return label;
        }));
        panel.plot.querySelector('.grid').setAttribute('d',
          ticks.map(tick => `M0 ${((1 - tick / max) * HEIGHT).toFixed(1)}H${WIDTH}`).join(''));
      }
    }
    figure.panels.forEach(panel => draw(figure, panel));
  };

  // The index of the last place at or before `x`, or of the nearest one.
  const lastBefore = (xs, x) => {
    let low = 0, high = xs.length;
    while (low < high) { const middle = (low + high) >> 1; if (xs[middle] <= x) low = middle + 1; else high = middle; }
    return low - 1;
  };
  const nearest = (panel, xs, x) => {
    const before = Math.max(0, lastBefore(xs, x)), after = Math.min(xs.length - 1, before + 1);
    const far = index => Math.abs(place(panel.x, xs[index]) - place(panel.x, x));
    return far(after) < far(before) ? after : before;
  };
  const valueOf = (panel, series, x) => {
    const xs = panel.xs[series.xs];
    if (!xs.length) return null;
    if (panel.step) {
      const index = Math.min(lastBefore(xs, x), series.ys.length - 1);
      return index < 0 || x > xs[xs.length - 1] ? null : series.ys[index];
    }
    const index = nearest(panel, xs, x);
    const beyond = Math.abs(place(panel.x, xs[index]) - place(panel.x, x)) > 0.02 && (x < xs[0] || x > xs[xs.length - 1]);
    return beyond ? null : series.ys[index];
  };

  // Places that the pointer snaps to: where any series has a value, as long as there is one that is more than a level.
  const places = (figure, panel) => {
    const shown = shownSeries(figure, panel), many = shown.filter(series => series.ys.length > 2);
    const seen = series => panel.xs[series.xs].filter((_, index) => typeof series.ys[index] === 'number');
    return [...new Set((many.length ? many : shown).flatMap(seen))].sort((a, b) => a - b);
  };

  const timed = () => figures.flatMap(figure => figure.panels).filter(panel => panel.x.unit === 'seconds');
  const hide = () => figures.flatMap(figure => figure.panels).forEach(panel => {
    panel.cursor.hidden = true;
    panel.tip.hidden = true;
  });
  const cursorAt = (panel, x) => {
    panel.cursor.style.left = `${place(panel.x, x) * 100}%`;
    panel.cursor.hidden = false;
  };

  const show = (figure, panel, x) => {
    hide();
    panel.at = x;
    (panel.x.unit === 'seconds' ? timed() : [panel]).forEach(each => cursorAt(each, x));
    const head = { seconds: 'at ', percent: 'at ', quantile: 'up to ' }[panel.x.unit] || '';
    const rows = shownSeries(figure, panel).map(series => [series, valueOf(panel, series, x)])
      .filter(([, value]) => value !== null && value !== undefined && !(panel.stacked && value === 0));
    if (panel.stacked) rows.reverse();
    panel.tip.replaceChildren(make('b', '', head + FORMAT[panel.x.unit](x)), ...rows.map(([series, value]) => {
      const row = make('div'), swatch = document.createElementNS(SVG, 'svg'), path = document.createElementNS(SVG, 'path');
      swatch.setAttribute('class', 'swatch');
      swatch.setAttribute('viewBox', '0 0 24 12');
      path.setAttribute('class', `${panel.stacked ? 'area' : 'line'} ${series.class}`);
      path.setAttribute('d', panel.stacked ? 'M0 0H24V12H0Z' : 'M1 6H23');
      swatch.append(path);
      row.append(swatch, make('span', '', series.name), make('em', '', FORMAT[panel.y.unit](value)));
      row.dataset.name = series.name;
      row.dataset.value = value;
      return row;
    }));
    if (!rows.length) panel.tip.append(make('div', '', 'nothing seen'));
    const right = place(panel.x, x) > 0.5;
    panel.tip.style.left = right ? 'auto' : `calc(${place(panel.x, x) * 100}% + .6rem)`;
    panel.tip.style.right = right ? `calc(${(1 - place(panel.x, x)) * 100}% + .6rem)` : 'auto';
    panel.tip.hidden = false;
  };

  const listen = (figure, panel) => {
    const plot = panel.plot;
    const point = event => {
      const box = plot.getBoundingClientRect(), all = places(figure, panel);
      const x = valueAt(panel.x, Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
      if (all.length) show(figure, panel, all[nearest(panel, all, x)]);
    };
    plot.addEventListener('pointermove', point);
    plot.addEventListener('pointerdown', point);
    plot.addEventListener('pointerleave', event => { if (event.pointerType === 'mouse') hide(); });
    plot.addEventListener('blur', hide);
    plot.addEventListener('keydown', event => {
      const all = places(figure, panel), last = all.length - 1;
      const now = panel.at === undefined ? -1 : nearest(panel, all, panel.at), page = Math.ceil(all.length / 10);
      const to = { ArrowRight: now + 1, ArrowLeft: now - 1, PageDown: now + page, PageUp: now - page, Home: 0, End: last }[event.key];
      if (event.key === 'Escape') hide();
      if (to === undefined || last < 0) return;
      event.preventDefault();
      show(figure, panel, all[Math.min(last, Math.max(0, to))]);
    });
  };

  const toggle = (figure, key, on) => {
    if (on) figure.off.delete(key); else figure.off.add(key);
    for (const button of figure.element.querySelectorAll('.legend button')) {
      button.setAttribute('aria-pressed', String(!figure.off.has(button.dataset.key)));
    }
    rescale(figure);
    hide();
  };

  for (const figure of figures) {
    figure.off = new Set();
    figure.element = document.getElementById(figure.id);
    for (const panel of figure.panels) {
      panel.plot = document.getElementById(panel.id).querySelector('.plot');
      const drawn = [...panel.plot.querySelectorAll('svg > path:not(.grid)')];
      panel.paths = panel.series.map(series => [drawn.shift(), series.class.includes('bead') ? drawn.shift() : null]);
      panel.cursor = make('div', 'cursor');
      panel.tip = make('div', 'tip');
      panel.tip.setAttribute('role', 'status');
      panel.cursor.hidden = panel.tip.hidden = true;
      panel.plot.append(panel.cursor, panel.tip);
      listen(figure, panel);
    }
    for (const button of figure.element.querySelectorAll('.legend button')) {
      button.addEventListener('click', () => toggle(figure, button.dataset.key, figure.off.has(button.dataset.key)));
    }
  }

  // A finding's link: its stretch of the plot is marked, and the other series step back.
  const clear = () => document.querySelectorAll('.shown, .dim').forEach(element => element.classList.remove('shown', 'dim'));
  for (const link of document.querySelectorAll('a.show')) {
    link.addEventListener('click', () => {
      clear();
      const id = link.getAttribute('href').slice(1), keys = link.dataset.keys.split(' ').filter(Boolean);
      const figure = figures.find(figure => figure.panels.some(panel => panel.id === id));
      const panel = figure.panels.find(panel => panel.id === id);
      keys.filter(key => figure.off.has(key)).forEach(key => toggle(figure, key, true));
      document.getElementById(id).classList.add('shown');
      panel.plot.querySelectorAll('.band').forEach(band => band.classList.toggle('shown', band.dataset.finding === link.dataset.finding));
      panel.series.forEach((series, index) => {
        const dim = keys.length > 0 && !series.keys.some(key => keys.includes(key));
        panel.paths[index].forEach(element => element && element.classList.toggle('dim', dim));
      });
    });
  }
  document.addEventListener('keydown', event => { if (event.key === 'Escape') clear(); });
  addEventListener('beforeprint', () => document.querySelectorAll('details').forEach(element => { element.open = true; }));
})();
