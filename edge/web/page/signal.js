// The samples that the page keeps, as they came and as they are shown.
//
// Display filters run here, in each viewer's page: the classifier never sees them, one viewer's
// choice is no other's, and the board does nothing for them. All are causal, as a monitor's are.

class Biquad {
  constructor(b, a) {
    [this.b0, this.b1, this.b2] = b.map((x) => x / a[0]);
    [this.a1, this.a2] = [a[1] / a[0], a[2] / a[0]];
    this.rest(0);
  }

  /** As if the input had been `x` for ever; gives the output then. */
  rest(x) {
    const y = (x * (this.b0 + this.b1 + this.b2)) / (1 + this.a1 + this.a2);
    this.z2 = this.b2 * x - this.a2 * y;
    this.z1 = this.b1 * x - this.a1 * y + this.z2;
    return y;
  }

  next(x) {
    const y = this.b0 * x + this.z1;
    this.z1 = this.b1 * x - this.a1 * y + this.z2;
    this.z2 = this.b2 * x - this.a2 * y;
    return y;
  }
}

/** Of one pole: no undershoot beyond what its time constant makes. */
function highPass(hz, fs) {
  const k = Math.tan((Math.PI * hz) / fs);
  return new Biquad([1, -1, 0], [1 + k, k - 1, 0]);
}

/** Butterworth, of two poles. */
function lowPass(hz, fs) {
  const k = Math.tan((Math.PI * hz) / fs);
  return new Biquad([k * k, 2 * k * k, k * k],
    [1 + Math.SQRT2 * k + k * k, 2 * (k * k - 1), 1 - Math.SQRT2 * k + k * k]);
}

function notch(hz, fs, q = 15) {
  const w = (2 * Math.PI * hz) / fs;
  const alpha = Math.sin(w) / (2 * q);
  return new Biquad([1, -2 * Math.cos(w), 1], [1 + alpha, -2 * Math.cos(w), 1 - alpha]);
}

const BANDS = { monitor: [0.5, 40], diagnostic: [0.05, 150] };

/** Filters of one lead; those that the rate leaves no room for are left out. */
function chain(band, hum, fs) {
  const [low, high] = BANDS[band];
  const filters = [highPass(low, fs)];
  if (high < 0.45 * fs) filters.push(lowPass(high, fs));
  if (hum && hum < 0.45 * fs) filters.push(notch(hum, fs));
  return filters;
}

export class Signal {
  constructor(fs, leads, keepS) {
    this.fs = fs;
    this.leads = leads;
    this.size = Math.ceil(fs * keepS);
    this.raw = leads.map(() => new Float32Array(this.size).fill(NaN));
    this.shown = leads.map(() => new Float32Array(this.size).fill(NaN));
    this.first = this.end = null; // numbers of samples: the oldest, and the next
    this.version = 0; // another one where what was shown has changed
    this.stale = false;
    this.choose("monitor", 0);
  }

  choose(band, hum) {
    this.band = band;
    this.hum = hum;
    this.stale = true;
  }

  /** `mv`: sample by sample, all leads. */
  put(start, mv) {
    const leads = this.leads.length;
    const n = mv.length / leads;
    if (this.end === null) {
      this.first = this.end = start;
      this.restart();
    }
    if (start < this.end) return this.older(start, mv, n);
    const from = Math.max(this.end, start - this.size);
    for (let at = from; at < start; at++) this.set(at, null, 0);
    for (let i = 0; i < n; i++) this.set(start + i, mv, i * leads);
    if (!this.stale) this.filter(from, start + n);
    this.end = start + n;
    this.first = Math.max(this.first, this.end - this.size);
  }

  /** What came before, for who comes late; what is here already stays. */
  older(start, mv, n) {
    const leads = this.leads.length;
    const oldest = this.end - this.size;
    for (let i = 0; i < n; i++) {
      const at = start + i;
      if (at < oldest || at >= this.end) continue;
      if (at >= this.first && !Number.isNaN(this.raw[0][at % this.size])) continue;
      this.set(at, mv, i * leads);
    }
    if (start < this.first) {
      // Between here and what is kept nothing is known yet.
      for (let at = Math.max(start + n, oldest); at < this.first; at++) this.set(at, null, 0);
      this.first = Math.max(start, oldest);
    }
    this.stale = true;
  }

  set(at, mv, i) {
    const k = at % this.size;
    for (let lead = 0; lead < this.raw.length; lead++) this.raw[lead][k] = mv ? mv[i + lead] : NaN;
  }

  /** Filters all of it anew, where that is needed. */
  freshen() {
    if (!this.stale || this.end === null) return;
    this.stale = false;
    this.restart();
    this.filter(this.first, this.end);
    this.version++;
  }

  restart() {
    this.chains = this.leads.map(() => chain(this.band, this.hum, this.fs));
    this.broken = this.leads.map(() => true);
  }

  filter(from, to) {
    for (let lead = 0; lead < this.raw.length; lead++) {
      const [raw, shown, filters] = [this.raw[lead], this.shown[lead], this.chains[lead]];
      for (let at = from; at < to; at++) {
        const k = at % this.size;
        let x = raw[k];
        if (Number.isNaN(x)) {
          this.broken[lead] = true;
          shown[k] = NaN;
          continue;
        }
        if (this.broken[lead]) for (const filter of filters) x = filter.rest(x);
        else for (const filter of filters) x = filter.next(x);
        this.broken[lead] = false;
        shown[k] = x;
      }
    }
  }

  /** A sample as shown, in mV; NaN where there is none. */
  at(lead, sample) {
    return sample < this.first || sample >= this.end ? NaN : this.shown[lead][sample % this.size];
  }
}
