// Words for people.

export const LABELS = {
  N: "normal", S: "supraventricular", V: "ventricular", F: "fusion", Q: "unclassifiable", U: "unknown",
};

/** Rhythms in which the rate is that of the beats before. */
export const NO_RATE = ["asystole", "ventricular_fibrillation"];

export const SIGNS = { high: "!!!", medium: "!!", low: "!", technical: "i" };

const REASONS = {
  ok: "good", lead_off: "electrode off", saturated: "at its rail", lost: "no signal", flat: "flat",
  noise: "noisy",
};

const STATES = { on: "electrode on", off: "electrode off", unknown: "electrode unknown" };

const NAMES = { r_on_t: "R on T", pvcs_per_minute: "PVCs per minute" };

export const spaced = (name) => NAMES[name] ?? name.replaceAll("_", " ");

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export const reason = (name) => REASONS[name] ?? spaced(name);

export const number = (value) => Number(value.toPrecision(3));

/** Short, for a column. */
export const unit = (name) => (name.includes("interval") ? "× mean RR" : name);

/** What the log says of an event: a text, and the kind of its sign. */
export function sentence(event) {
  switch (event.type) {
    case "alarm":
      return { text: `${capital(spaced(event.name))}${event.active ? "" : " over"}: ${event.text}`,
               sign: event.priority, over: !event.active };
    case "rhythm": return { text: `Rhythm: ${spaced(event.label)}` };
    case "quality": return { text: `${event.lead}: ${reason(event.reason)}` };
    case "lead": return { text: `${event.lead}: ${STATES[event.state]}` };
    case "gap": return { text: `${event.lost} sample${event.lost === 1 ? "" : "s"} lost (${event.duration_s.toFixed(3)} s)` };
    case "link": return { text: `Link ${event.state}: ${event.detail}` };
    case "session": return { text: `Began: ${event.source}` };
    case "limit":
      return { text: `Limit of ${spaced(event.name)}: ${event.off ? "off" : event.limit ?? "on"} (set on the page)` };
    case "acknowledged": return { text: `Acknowledged: ${event.names.map(spaced).join(", ")}` };
    case "stats": return { text: "The stream has ended" };
    default: return { text: event.detail ?? spaced(event.type) };
  }
}
