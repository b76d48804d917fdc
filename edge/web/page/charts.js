// RR intervals, Poincaré plot and trend: uPlot draws them.

const HISTORY_S = 300;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function axis(values, size = 46) {
  return {
    stroke: () => colour("faint"), grid: { stroke: () => colour("line"), width: 1 },
    ticks: { show: false }, font: "12px system-ui, sans-serif", size, gap: 4, space: 34, values,
  };
}

function points(label, name, size = 5) {
  return {
    label, stroke: () => colour(name), paths: () => null,
    points: { show: true, size, width: 1, stroke: () => colour(name), fill: () => colour(name) },
  };
}

class Chart {
  constructor(id, options, empty) {
    this.box = document.querySelector(`#${id} .chart`);
    const size = () => ({ width: this.box.clientWidth || 300, height: this.box.clientHeight || 190 });
    this.plot = new uPlot({
      ...size(), legend: { show: false }, cursor: { show: false }, padding: [8, 28, 0, 0], ...options,
    }, empty, this.box);
    new ResizeObserver(() => this.plot.setSize(size())).observe(this.box);
  }

  set(data) { this.plot.setData(data); }
}

export class Charts {
  constructor(time) {
    this.now = 0;
    this.rows = [];
    const clock = (_, splits) => splits.map((t) => time(t, splits[1] - splits[0] < 60));
    this.square = [400, 1200];
    const range = this.range = (_, least, most) => (least === null ? [400, 1200]
      : [Math.max(0, Math.floor(least / 100 - 0.5) * 100), Math.ceil(most / 100 + 0.5) * 100]);
    this.rr = new Chart("tachogram", {
      scales: { x: { time: false, range: () => this.recent() }, y: { range } },
      axes: [{ ...axis(clock, 24), space: 80 }, axis()],
      series: [{}, { ...points("normal", "N", 4) }, points("S", "S", 7), points("V", "V", 8)],
    }, [[], [], [], []]);
    this.poincare = new Chart("poincare", {
      scales: { x: { time: false, range: () => this.square }, y: { range: () => this.square } },
      axes: [{ ...axis(undefined, 24), space: 50 }, axis()],
      series: [{}, points("normal", "N", 4), points("ectopic", "V", 7)],
    }, [[], [], []]);
    this.trend = new Chart("trend", {
      scales: { x: { time: false, range: () => this.day() },
                y: { range: (_, least, most) => least === null ? [40, 120]
                  : [Math.max(0, Math.floor(least / 10 - 1) * 10), Math.ceil(most / 10 + 1) * 10] },
                v: { range: (_, __, most) => [0, Math.max(10, (most ?? 0) * 3)] } },
      axes: [{ ...axis(clock, 24), space: 80 }, axis(), ],
      series: [{},
        { label: "least", stroke: "transparent", points: { show: false } },
        { label: "greatest", stroke: "transparent", points: { show: false } },
        { label: "mean", stroke: () => colour("accent"), width: 2, points: { size: 5 } },
        { label: "V a minute", scale: "v", stroke: () => colour("V"), fill: () => colour("V"),
          paths: uPlot.paths.bars({ size: [1, 3] }), points: { show: false } }],
      bands: [{ series: [2, 1], fill: () => `${colour("accent")}33` }],
    }, [[], [], [], [], []]);
  }

  recent() {
    const first = Math.max(0, this.now - HISTORY_S);
    return [first, Math.max(this.now, first + 30)];
  }

  day() {
    const first = this.rows.length ? this.rows[0][0] * 60 : 0;
    const end = Math.max(this.now, first + 600);
    return [Math.max(first, end - 86400), end];
  }

  beats(beats, now) {
    this.now = now;
    const shown = [...beats].filter((beat) => beat.final && beat.rr_ms !== null);
    const recent = shown.filter((beat) => beat.t > now - HISTORY_S);
    const of = (labels) => recent.map((beat) => (labels.includes(beat.label) ? beat.rr_ms : null));
    this.rr.set([recent.map((beat) => beat.t), of("NQUF"), of("S"), of("V")]);
    const pairs = [];
    for (let i = 1; i < recent.length; i++) {
      const [before, beat] = [recent[i - 1], recent[i]];
      const three = [recent[i - 2], before, beat].filter(Boolean);
      if (beat.id !== before.id + 1 || three.some((b) => b.label === "U")) continue;
      // An interval is ectopic if either of its beats is.
      const plain = three.every((b) => b.label === "N");
      pairs.push([before.rr_ms, plain ? beat.rr_ms : null, plain ? null : beat.rr_ms]);
    }
    // Both axes have one scale, so that a steady rhythm lies on the diagonal.
    const all = pairs.flat().filter((ms) => ms !== null);
    if (all.length) this.square = this.range(null, Math.min(...all), Math.max(...all));
    pairs.sort((a, b) => a[0] - b[0]);
    this.poincare.set([0, 1, 2].map((i) => pairs.map((pair) => pair[i])));
  }

  minutes(rows, now) {
    this.now = now;
    this.rows = rows;
    // A minute that nothing is known of breaks the lines.
    const [x, least, most, mean, v] = [[], [], [], [], []];
    let before = null;
    for (const [minute, rate, low, high, , ventricular] of rows) {
      if (before !== null && minute > before + 1) {
        x.push((before + 1) * 60);
        for (const list of [least, most, mean, v]) list.push(null);
      }
      x.push(minute * 60 + 30);
      least.push(low); most.push(high); mean.push(rate); v.push(ventricular);
      before = minute;
    }
    this.trend.set([x, least, most, mean, v]);
    this.trend.box.classList.toggle("empty", !rows.length);
  }

  redraw() {
    for (const chart of [this.rr, this.poincare, this.trend]) chart.plot.redraw();
  }
}
