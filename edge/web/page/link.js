// The line to the monitor: told at once when it is gone, and tried again.

const SILENT_MS = 4000; // something comes every second
const AGAIN_MS = 1500;

export class Line {
  /** `take` gets events, `samples` a number and values, `state` whether the monitor is there. */
  constructor(take, samples, state) {
    Object.assign(this, { take, samples, state });
    this.heard = performance.now();
    this.ended = false;
    this.connect();
    setInterval(() => this.look(), 500);
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/live`);
    this.socket.binaryType = "arraybuffer";
    const mine = this.socket;
    mine.onmessage = ({ data }) => {
      if (mine !== this.socket) return;
      this.heard = performance.now();
      if (typeof data === "string") {
        for (const event of JSON.parse(data)) this.take(event);
        this.state("up");
      } else this.unpack(data);
    };
    mine.onclose = ({ code }) => {
      if (mine !== this.socket) return;
      this.socket = null;
      this.state(code === 1000 || code === 1001 ? "ended" : "away");
      setTimeout(() => this.connect(), AGAIN_MS);
    };
  }

  unpack(data) {
    const view = new DataView(data);
    const start = view.getFloat64(0, true);
    this.samples(start, new Float32Array(data, 16));
  }

  /** A line that was cut says nothing: neither does it come to its end. */
  look() {
    if (this.socket?.readyState === WebSocket.OPEN && performance.now() - this.heard > SILENT_MS) {
      const old = this.socket;
      this.socket = null;
      old.close();
      this.state("away");
      this.heard = performance.now();
      this.connect();
    }
  }

  send(wish) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(wish));
    return true;
  }
}
