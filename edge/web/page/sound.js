// Bursts of pulses as IEC 60601-1-8 describes them; that they conform to it is not claimed.

const SILENCE_S = 120;
const C4 = 261.63, E4 = 329.63, G4 = 392, C5 = 523.25;
// Of each pulse: when it begins, and its tone. A burst comes again after `every` seconds.
const BURSTS = {
  high: { long: 0.15, every: 5,
    pulses: [[0, C4], [0.25, E4], [0.5, G4], [0.9, G4], [1.15, C5],
             [2, C4], [2.25, E4], [2.5, G4], [2.9, G4], [3.15, C5]] },
  medium: { long: 0.2, every: 10, pulses: [[0, C4], [0.4, E4], [0.8, G4]] },
  low: { long: 0.2, every: 20, pulses: [[0, E4], [0.4, C4]] },
  technical: { long: 0.2, every: 20, pulses: [[0, C5], [0.4, C5]] },
};
const ORDER = ["high", "medium", "low", "technical"];

export class Sound {
  constructor() {
    this.wanted = true;
    this.audio = null;
    this.until = 0; // of the silence, ms
    this.priority = null;
    this.next = 0;
    this.bursts = 0; // that were played
  }

  /** Browsers let a page sound only after somebody has touched it. */
  get ready() { return this.audio?.state === "running"; }

  async wake() {
    this.audio ??= new AudioContext();
    if (this.audio.state === "suspended") await this.audio.resume();
  }

  silence() { this.until = this.silent ? 0 : performance.now() + SILENCE_S * 1000; }
  get silent() { return Math.max(0, this.until - performance.now()); }

  /** The worst alarm that nobody has acknowledged, or null. A new one of high priority ends a silence. */
  call(priorities, fresh) {
    if (fresh) this.until = 0;
    const worst = ORDER.find((priority) => priorities.includes(priority)) ?? null;
    if (worst !== this.priority) this.next = 0;
    this.priority = worst;
  }

  /** Plays the next burst if it is time. */
  beat() {
    const now = performance.now();
    if (!this.priority || !this.wanted || !this.ready || this.silent || now < this.next) return;
    const burst = BURSTS[this.priority];
    this.next = now + burst.every * 1000;
    this.bursts++;
    const start = this.audio.currentTime + 0.05;
    for (const [at, tone] of burst.pulses) this.pulse(start + at, tone, burst.long);
  }

  pulse(at, tone, long) {
    const gain = this.audio.createGain();
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.22, at + 0.02);
    gain.gain.setValueAtTime(0.22, at + long - 0.03);
    gain.gain.linearRampToValueAtTime(0, at + long);
    gain.connect(this.audio.destination);
    for (const [harmonic, share] of [[1, 0.5], [2, 0.25], [3, 0.15], [4, 0.1], [5, 0.05]]) {
      const tones = this.audio.createOscillator();
      const part = this.audio.createGain();
      tones.frequency.value = tone * harmonic;
      part.gain.value = share;
      tones.connect(part).connect(gain);
      tones.start(at);
      tones.stop(at + long);
    }
  }
}
