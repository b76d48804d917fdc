// The trace on millimetre paper: drawn once, in pieces of four seconds, which then only move.

import { reason } from "./words.js";

const PIECE_S = 4; // whole millimetres at each speed
const MARKS_MM = 7; // at the top, for labels
const TIMES_MM = 4; // at the bottom

const WIDE_MM = 3.78; // CSS pixels of a millimetre, nominally

export class Trace {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.pieces = new Map();
    this.beats = new Map();
    this.states = {};
    this.speed = 25;
    this.gain = 10;
    this.signal = null;
    this.calipers = null;
    this.clock = () => "";
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement);
    this.resize();
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.parentElement.getBoundingClientRect();
    this.mm = Math.max(3, Math.round(WIDE_MM * ratio)); // device pixels of a millimetre
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(box.width * ratio));
    this.canvas.height = Math.max(1, Math.round(box.height * ratio));
    this.colours();
  }

  colours() {
    const style = getComputedStyle(document.documentElement);
    const names = ["paper", "fine", "coarse", "trace", "mark", "ink", "faint", "accent", "bad",
      "N", "S", "V", "F", "Q", "U"];
    this.colour = Object.fromEntries(names.map((n) => [n, style.getPropertyValue(`--${n}`).trim()]));
    this.forget();
  }

  forget() {
    this.pieces.clear();
  }

  set(name, value) {
    this[name] = value;
    this.forget();
  }

  get perS() { return this.mm * this.speed; }
  get widthS() { return this.canvas.width / this.perS; }

  /** Of a lead, the line of 0 mV: device pixels from the top. */
  base(lead) {
    const height = this.canvas.height / this.mm - MARKS_MM - TIMES_MM;
    const each = height / this.signal.leads.length;
    return Math.round(MARKS_MM + each * (lead + 0.55)) * this.mm;
  }

  /** Draws it with signal time `head`, in s, at the right edge. */
  draw(head) {
    const { context, canvas, signal } = this;
    const left = head - this.widthS;
    if (signal) {
      signal.freshen();
      if (signal.version !== this.drawn) this.forget();
      this.drawn = signal.version;
    }
    const first = Math.floor(left / PIECE_S);
    const last = Math.floor(head / PIECE_S);
    for (const key of this.pieces.keys()) if (key < first || key > last) this.pieces.delete(key);
    const origin = Math.round(left * this.perS);
    for (let k = first; k <= last; k++) {
      context.drawImage(this.piece(k), Math.round(k * PIECE_S * this.perS) - origin, 0);
    }
    this.times(left, head, origin);
    if (signal) {
      this.marks(left, head, origin);
      this.margin();
    }
    if (this.calipers) this.measure(origin);
    return canvas;
  }

  piece(k) {
    let piece = this.pieces.get(k);
    if (!piece) {
      piece = { canvas: document.createElement("canvas"), upto: null };
      piece.canvas.width = Math.round(PIECE_S * this.perS);
      piece.canvas.height = this.canvas.height;
      piece.context = piece.canvas.getContext("2d", { alpha: false });
      this.grid(piece.context);
      this.pieces.set(k, piece);
    }
    if (this.signal && this.signal.end !== null) this.lines(piece, k);
    return piece.canvas;
  }

  grid(context) {
    const { width, height } = context.canvas;
    const { mm, colour } = this;
    context.fillStyle = colour.paper;
    context.fillRect(0, 0, width, height);
    for (const [every, name] of [[1, "fine"], [5, "coarse"]]) {
      if (every === 1 && this.speed < 12) continue; // too fine to be of use
      context.fillStyle = colour[name];
      const line = every === 5 ? Math.max(1, Math.round(this.ratio * 0.9)) : 1;
      for (let x = 0; x < width; x += every * mm) context.fillRect(x, 0, line, height);
      for (let y = 0; y < height; y += every * mm) context.fillRect(0, y, width, line);
    }
  }

  /** Goes on with the lines of a piece, from where they were. */
  lines(piece, k) {
    const { signal } = this;
    const begin = k * PIECE_S * signal.fs;
    const end = Math.min(signal.end, Math.ceil((k + 1) * PIECE_S * signal.fs) + 1);
    const from = piece.upto === null ? Math.max(signal.first, Math.floor(begin) - 1) : piece.upto;
    if (end <= from) return;
    const context = piece.context;
    context.strokeStyle = this.colour.trace;
    context.lineWidth = Math.max(1, 1.35 * this.ratio);
    context.lineJoin = "round";
    const step = this.perS / signal.fs;
    const scale = this.gain * this.mm;
    for (let lead = 0; lead < signal.leads.length; lead++) {
      const base = this.base(lead);
      const shown = signal.shown[lead];
      let pen = false;
      const missing = [];
      context.beginPath();
      for (let at = Math.max(signal.first, from - 1); at < end; at++) {
        const mv = shown[at % signal.size];
        const x = (at - begin) * step;
        if (Number.isNaN(mv)) {
          pen = false;
          missing.push(x);
          continue;
        }
        const y = base - mv * scale;
        if (pen) context.lineTo(x, y);
        else context.moveTo(x, y);
        pen = true;
      }
      context.stroke();
      // Where there is no signal, dashes that stand still on the paper.
      context.fillStyle = this.colour.bad;
      const dash = 4 * this.mm;
      for (const x of missing) {
        if (x % dash < dash / 2) context.fillRect(x, base, step + 1, context.lineWidth);
      }
    }
    piece.upto = end;
  }

  times(left, head, origin) {
    const { context, canvas, ratio } = this;
    context.font = `${Math.round(11 * ratio)}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "bottom";
    const every = this.speed < 12 ? 10 : this.speed < 20 ? 5 : this.speed < 40 ? 2 : 1;
    for (let s = Math.ceil(left / every) * every; s <= head; s += every) {
      if (s < 0) continue;
      const x = Math.round(s * this.perS) - origin;
      context.fillStyle = this.colour.faint;
      context.fillRect(x, canvas.height - 4 * ratio, Math.max(1, ratio), 4 * ratio);
      this.text(this.clock(s), x, canvas.height - 5 * ratio, this.colour.faint);
    }
  }

  /** Text that stays readable on the lines. */
  text(words, x, y, colour) {
    const { context } = this;
    context.lineWidth = 3 * this.ratio;
    context.lineJoin = "round";
    context.strokeStyle = this.colour.paper;
    context.strokeText(words, x, y);
    context.fillStyle = colour;
    context.fillText(words, x, y);
  }

  /** Labels stand over their R peaks: in outline while provisional, filled when final. */
  marks(left, head, origin) {
    const { context, ratio, signal } = this;
    const high = Math.round(16 * ratio);
    const top = Math.round(4 * ratio);
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const beat of this.beats.values()) {
      const s = beat.sample / signal.fs;
      if (s < left - 1 || s > head + 0.2) continue;
      const x = Math.round(s * this.perS) - origin;
      const colour = this.colour[beat.label];
      context.font = `700 ${Math.round(12 * ratio)}px system-ui, sans-serif`;
      if (beat.label !== "N") {
        context.fillStyle = colour;
        context.globalAlpha = 0.35;
        context.fillRect(x, top + high, Math.max(1, ratio), this.canvas.height - top - high - TIMES_MM * this.mm);
        context.globalAlpha = 1;
      }
      context.beginPath();
      context.roundRect(x - high / 2, top, high, high, 4 * ratio);
      context.fillStyle = beat.final ? colour : this.colour.paper;
      context.fill();
      context.lineWidth = 1.5 * ratio;
      context.strokeStyle = colour;
      context.stroke();
      context.fillStyle = beat.final ? this.colour.mark : colour;
      context.fillText(beat.label, x, top + high / 2 + ratio);
      if (beat.rr_ms !== null && (beat.rr_ms / 1000) * this.perS > 60 * ratio) {
        context.font = `${Math.round(11 * ratio)}px system-ui, sans-serif`;
        this.text(Math.round(beat.rr_ms), x - (beat.rr_ms / 2000) * this.perS, top + high / 2 + ratio,
          this.colour.faint);
      }
    }
  }

  /** At the left: names of leads, what is wrong with them, and how high 1 mV is. */
  margin() {
    const { context, ratio, mm, signal } = this;
    const fade = context.createLinearGradient(8 * mm, 0, 12 * mm, 0);
    fade.addColorStop(0, this.colour.paper);
    fade.addColorStop(1, `${this.colour.paper}00`);
    context.fillStyle = fade;
    context.fillRect(0, 0, 12 * mm, this.canvas.height);
    for (let lead = 0; lead < signal.leads.length; lead++) {
      const name = signal.leads[lead];
      const base = this.base(lead);
      const state = this.states[name] ?? "ok";
      context.strokeStyle = this.colour.ink;
      context.lineWidth = 2 * ratio;
      context.beginPath();
      const [x, high] = [2 * mm, this.gain * mm];
      context.moveTo(x, base);
      context.lineTo(x + mm, base);
      context.lineTo(x + mm, base - high);
      context.lineTo(x + 4 * mm, base - high);
      context.lineTo(x + 4 * mm, base);
      context.lineTo(x + 5 * mm, base);
      context.stroke();
      context.textAlign = "left";
      context.textBaseline = "bottom";
      context.font = `700 ${Math.round(14 * ratio)}px system-ui, sans-serif`;
      const good = state === "ok";
      this.text(name + (good ? "" : `: ${reason(state)}`), mm, base - Math.max(5 * mm, high) - mm,
        good ? this.colour.ink : this.colour.bad);
      context.font = `${Math.round(11 * ratio)}px system-ui, sans-serif`;
      context.textBaseline = "top";
      context.textAlign = "center";
      this.text("1 mV", x + 2.5 * mm, base + 1.5 * ratio, this.colour.ink);
    }
  }

  /** Where something is on the frozen trace: signal time in s, lead, mV. */
  place(clientX, clientY, head) {
    const box = this.canvas.getBoundingClientRect();
    const s = head - this.widthS + ((clientX - box.left) * this.ratio) / this.perS;
    const y = (clientY - box.top) * this.ratio;
    let lead = 0;
    for (let i = 1; i < this.signal.leads.length; i++) {
      if (Math.abs(y - this.base(i)) < Math.abs(y - this.base(lead))) lead = i;
    }
    return { s, lead, mv: (this.base(lead) - y) / (this.gain * this.mm) };
  }

  measure(origin) {
    const { context, canvas, ratio, calipers } = this;
    const base = this.base(calipers.lead);
    const xs = [calipers.from.s, calipers.to.s].map((s) => Math.round(s * this.perS) - origin);
    const ys = [calipers.from.mv, calipers.to.mv].map((mv) => base - mv * this.gain * this.mm);
    context.fillStyle = this.colour.accent;
    context.globalAlpha = 0.12;
    context.fillRect(Math.min(...xs), 0, Math.abs(xs[1] - xs[0]), canvas.height);
    context.globalAlpha = 1;
    const line = Math.max(1, Math.round(1.5 * ratio));
    for (const x of xs) context.fillRect(x, 0, line, canvas.height);
    const [left, right] = [Math.min(...xs) - 24 * ratio, Math.max(...xs) + 24 * ratio];
    for (const y of ys) context.fillRect(left, y, right - left, line);
    const words = measured(calipers);
    context.font = `700 ${Math.round(14 * ratio)}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    const wide = context.measureText(words).width + 16 * ratio;
    const x = Math.max(wide / 2, Math.min(canvas.width - wide / 2, (xs[0] + xs[1]) / 2));
    const high = 26 * ratio;
    const y = Math.max(30 * ratio, Math.min(...ys) - high - 8 * ratio);
    context.fillStyle = this.colour.accent;
    context.beginPath();
    context.roundRect(x - wide / 2, y, wide, high, 5 * ratio);
    context.fill();
    context.fillStyle = this.colour.paper;
    context.fillText(words, x, y + high / 2 + ratio);
  }
}

/** What calipers say: ms, 1/min, mV. */
export function measured({ from, to }) {
  const ms = Math.abs(to.s - from.s) * 1000;
  const rate = ms >= 1 ? ` = ${Math.round(60000 / ms)}/min` : "";
  return `${Math.round(ms)} ms${rate}, ${Math.abs(to.mv - from.mv).toFixed(2)} mV`;
}
