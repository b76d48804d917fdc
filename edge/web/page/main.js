// The page: what comes in, what is shown, what a person does.

import { Charts } from "./charts.js";
import { Line } from "./link.js";
import { Signal } from "./signal.js";
import { Sound } from "./sound.js";
import { Trace, measured } from "./trace.js";
import { LABELS, NO_RATE, SIGNS, capital, number, reason, sentence, spaced, unit } from "./words.js";

const LAG_S = 0.12; // the trace's right edge is so far behind, so that it moves evenly:
const MOST_LAG_S = 1.5; // further where samples come in lumps
const BEHIND_S = 5; // from here on it jumps
const LOG = 300;
const FEW_LEADS = 4, LEAD_PX = 100; // more of them make the paper higher
const QUIET_S = 2;
const STEP_S = 2;
const $ = (id) => document.getElementById(id);

const trace = new Trace($("trace"));
const sound = new Sound();
const kept = load();
let session = null, began = 0, rhythm = null, link = null, hrv = null;
let quality = {}, contact = {}, counts = {}, log = [], rows = [], rules = [];
let alarms = { on: [], seen: [] };
let keepS = 300, head = 0, newest = 0, frozen = null, last = null, at = 0;
let lag = LAG_S, came = 0, early = [];
let away = true, due = new Set(), painted = [];

const timeOf = (t) => (began ? new Date(began + t * 1000) : null);
const clock = (t) => timeOf(t)?.toLocaleTimeString([], { hourCycle: "h23" }) ?? "";
const short = (t, fine) => (fine ? clock(t)
  : timeOf(t)?.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }) ?? "");
trace.clock = clock;
const charts = new Charts(short);
const line = new Line(take, samples, reached);

// What comes in ---------------------------------------------------------------------------------

function take(event) {
  switch (event.type) {
    case "state": return begin(event);
    case "tick":
      if (last && newest - last.t > QUIET_S) later("beats"); // their axis of time goes on
      return;
    case "beat": beat(event); break;
    case "rhythm":
      if (rhythm?.label !== event.label) note(event);
      rhythm = event;
      later("vital");
      return;
    case "hrv": hrv = event; later("hrv"); return;
    case "alarms": ring(event); return;
    case "limits": rules = event.rules; later("rules"); return;
    case "minute": rows.push(event.row); if (rows.length > 1440) rows.shift(); later("trend"); return;
    case "refused": refuse(event.text); return;
    case "quality": quality[event.lead] = event.reason; note(event); later("leads"); break;
    case "lead": contact[event.lead] = event.state; note(event); later("leads"); break;
    case "clock":
      if (event.kind === "set") {
        began += 1000 * event.by_s;
        $("log").replaceChildren(); // its times are others now
      }
      note(event);
      later("trend", "beats");
      break;
    case "link": link = event; note(event); later("link", "vital"); break;
    default: note(event);
  }
}

function begin(state) {
  const other = session?.start !== state.session?.start || session?.fs !== state.session?.fs;
  ({ session, link, rhythm, hrv, quality, contact, counts, log } = state);
  began = session ? Date.parse(session.start) + 1000 * state.clock_s : 0;
  rows = state.trend;
  keepS = state.keep_s ?? keepS;
  if (other || (state.keep_s && !trace.signal)) {
    const signal = session?.fs ? new Signal(session.fs, session.leads, keepS) : null;
    signal?.choose($("filter").value, +$("notch").value);
    trace.set("signal", signal);
    trace.beats = new Map();
    head = newest = state.now;
    [lag, came] = [LAG_S, 0];
    const leads = session?.leads.length ?? 0;
    $("paper").style.height = leads > FEW_LEADS ? `${leads * LEAD_PX}px` : "";
    live();
    if (signal) for (const [start, mv] of early) samples(start, mv);
    early = [];
  }
  for (const one of state.beats) trace.beats.set(one.id, one);
  last = state.beats.at(-1) ?? null;
  rules = state.limits.rules;
  document.title = session ? `${session.source} – edge-ecg` : "edge-ecg";
  ring(state.alarms);
  later("vital", "last", "hrv", "leads", "link", "log", "rules", "trend", "beats", "counts");
}

function beat(event) {
  if (event.final) counts[event.label] = (counts[event.label] ?? 0) + 1;
  trace.beats.set(event.id, event);
  const oldest = newest - keepS;
  for (const [id, one] of trace.beats) {
    if (one.t >= oldest) break;
    trace.beats.delete(id);
  }
  last = event;
  if (!document.hidden) painted.push(event);
  later("last", "counts", ...(event.final ? ["beats"] : []));
}

function samples(start, mv) {
  const { signal } = trace;
  if (!signal) { // they go before what tells what they are
    early = [...early, [start, mv]].slice(-50);
    return;
  }
  const before = newest;
  signal.put(start, mv);
  newest = signal.end / signal.fs;
  if (newest === before) return; // older ones
  const now = performance.now();
  if (came) lag = Math.min(MOST_LAG_S, Math.max(LAG_S, lag * 0.99, (now - came) / 1000 + 0.04));
  came = now;
}

function note(event) {
  log.push(event);
  if (log.length > LOG) log.splice(0, log.length - LOG);
  later("log");
}

function reached(state) {
  const gone = state !== "up";
  if (gone && state !== away) $("away").textContent = state === "ended"
    ? "The monitor has ended. What you see is the last that came from it."
    : "No connection to the monitor. What you see is old.";
  away = gone ? state : "";
  document.body.classList.toggle("gone", gone);
  $("away").hidden = !gone;
  ring(alarms);
  later("link", "vital");
}

// What is shown ---------------------------------------------------------------------------------

function later(...parts) {
  for (const part of parts) due.add(part);
}

function frame(now) {
  requestAnimationFrame(frame);
  const passed = Math.min(0.5, (now - at) / 1000);
  at = now;
  const target = newest - lag;
  const ahead = target - head;
  if (Math.abs(ahead) > BEHIND_S) head = target;
  else head += Math.max(0, Math.min(Math.max(ahead, 0) + 0.05, passed + ahead * Math.min(1, passed * 2)));
  trace.draw(frozen ?? head);
  const parts = due;
  due = new Set();
  for (const part of parts) PARTS[part]();
  if (painted.length) {
    // For who measures how long a mark takes to be seen.
    dispatchEvent(new CustomEvent("painted", { detail: painted }));
    painted = [];
  }
  document.body.dataset.frames = (+document.body.dataset.frames || 0) + 1;
}

const PARTS = {
  vital() {
    const old = away || (link && link.state !== "up");
    const beats = rhythm?.rate_bpm && !NO_RATE.includes(rhythm.label);
    $("rate").textContent = beats ? Math.round(rhythm.rate_bpm) : "--";
    $("rate").classList.toggle("old", Boolean(old));
    $("rhythm").textContent = rhythm ? spaced(rhythm.label) : session?.fs ? "learning" : "waiting for signal";
  },
  last() {
    if (!last) {
      $("last").textContent = "";
      return;
    }
    const rr = last.rr_ms === null ? "" : `, RR ${Math.round(last.rr_ms)} ms`;
    $("last").textContent = `Last beat ${LABELS[last.label]}${last.final ? "" : " (provisional)"}${rr}`;
  },
  counts() {
    const shown = Object.keys(LABELS).filter((label) => counts[label] || "NSV".includes(label));
    $("counts").replaceChildren(...shown.map((label) => element("div", {},
      element("dt", {}, element("span", { className: `badge ${label}` }, label), ` ${LABELS[label]}`),
      element("dd", {}, counts[label] ?? 0))));
  },
  leads() {
    const names = session?.leads ?? [];
    trace.states = Object.fromEntries(names.map((name) => [name,
      contact[name] === "off" ? "lead_off" : quality[name] ?? "ok"]));
    const good = names.filter((name) => trace.states[name] === "ok");
    const many = good.length > FEW_LEADS;
    const told = names.filter((name) => !many || !good.includes(name)).map((name) => {
      const state = trace.states[name];
      return element("span", { className: state === "ok" ? "" : "bad" }, `${name} ${reason(state)}`);
    });
    if (many) told.push(element("span", {}, `${good.length} leads good`));
    $("leads").replaceChildren(...told.flatMap((span, i) => (i ? [" · ", span] : [span])));
  },
  link() {
    const wrong = link?.measured_hz ? ` – rate is wrong: give --fs ${link.measured_hz}` : "";
    const state = away === "ended" ? "monitor ended" : away ? "no connection"
      : link ? `line ${link.state}${wrong}` : "";
    $("link").textContent = state;
    $("link").title = link?.detail ?? "";
    $("link").className = away || wrong || (link && link.state !== "up") ? "bad" : "good";
    const rate = session?.fs ? ` · ${session.fs} Hz` : "";
    $("source").textContent = session ? `${session.source}${rate}${session.scale ? " · scale unknown" : ""}` : "";
  },
  log() {
    const list = $("log");
    const told = log.lastIndexOf(list.firstElementChild?.event);
    for (const event of log.slice(told + 1)) list.prepend(logged(event));
    while (list.childElementCount > log.length) list.lastElementChild.remove();
    expire();
  },
  rules() { if (!$("rules").contains(document.activeElement)) showRules(); },
  hrv() {
    $("hrv").textContent = hrv?.sdnn_ms == null ? ""
      : `SDNN ${hrv.sdnn_ms.toFixed(0)}, RMSSD ${hrv.rmssd_ms.toFixed(0)}`;
    $("hrv").title = hrv ? `of ${hrv.intervals} NN intervals, ${(100 * hrv.share).toFixed(0)} % of the beats` : "";
  },
  trend() { charts.minutes(rows, newest); },
  beats() { charts.beats(trace.beats.values(), newest); },
};

function logged(event) {
  const { text, sign, over } = sentence(event);
  const mark = element("b", { className: sign && !over ? sign : "" }, sign ? SIGNS[sign] : "");
  const button = element("button", { type: "button", className: over ? "over" : "" },
    element("time", {}, clock(event.t)), mark, element("span", {}, text));
  button.dataset.t = event.since ?? event.t;
  button.addEventListener("click", () => jump(+button.dataset.t));
  return element("li", { event }, button);
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

// Alarms ----------------------------------------------------------------------------------------

function ring(state) {
  const before = new Set(alarms.on.filter((a) => a.active).map((a) => `${a.name} ${a.t}`));
  const fresh = state.on.some((a) => a.active && a.priority === "high" && !before.has(`${a.name} ${a.t}`));
  alarms = state;
  const calls = state.on.filter((a) => !state.seen.includes(a.name) && (a.active || a.priority === "high"));
  sound.call([...calls.map((a) => a.priority), ...(away === "away" ? ["technical"] : [])], fresh);
  const items = state.on.map((alarm) => {
    const seen = state.seen.includes(alarm.name);
    const kind = alarm.active ? `${alarm.priority}${seen ? " seen" : " calls"}` : "over";
    const what = alarm.active ? alarm.text : `until ${clock(alarm.since)}`;
    const item = element("li", { className: kind },
      `${SIGNS[alarm.priority]} ${capital(spaced(alarm.name))}`, element("span", {}, what),
      element("span", {}, seen ? "acknowledged" : ""));
    item.dataset.alarm = alarm.name;
    if (!seen) {
      const button = element("button", { type: "button" }, "Acknowledge");
      button.addEventListener("click", () => line.send({ acknowledge: [alarm.name] }));
      item.append(button);
    }
    return item;
  });
  $("on").replaceChildren(...(items.length ? items : [element("li", { className: "none" }, "No alarms")]));
  $("acknowledge").disabled = !calls.length && !state.on.some((a) => !state.seen.includes(a.name));
}

function acknowledge() {
  const names = alarms.on.map((a) => a.name).filter((name) => !alarms.seen.includes(name));
  if (names.length) line.send({ acknowledge: names });
}

function tellSound() {
  const heard = sound.wanted && sound.ready;
  $("sound").textContent = heard ? "Sound on" : sound.wanted ? "Sound is off: turn on" : "Sound off";
  $("sound").classList.toggle("off", !heard);
  const left = Math.ceil(sound.silent / 1000);
  $("silence").textContent = left
    ? `Silenced ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "Silence 2 min";
  $("silence").setAttribute("aria-pressed", left > 0);
  document.body.dataset.bursts = sound.bursts;
}

async function toggleSound() {
  if (sound.wanted && sound.ready) sound.wanted = false;
  else {
    sound.wanted = true;
    await sound.wake();
  }
  tellSound();
}

setInterval(() => {
  sound.beat();
  tellSound();
  reach();
  expire();
  $("clock").textContent = newest ? clock(newest) : "";
}, 250);

// Limits ----------------------------------------------------------------------------------------

function showRules() {
  $("rules").replaceChildren(...rules.map((rule) => {
    const on = element("input", { type: "checkbox", checked: !rule.off });
    on.setAttribute("aria-label", `${spaced(rule.name)}: on`);
    on.addEventListener("change", () => ask(rule, on.checked ? rule.limit : "off"));
    const other = rule.off || rule.limit !== rule.usual;
    const label = element("label", { className: other ? "other" : "" },
      element("span", {}, `${SIGNS[rule.priority]} ${capital(spaced(rule.name))}`));
    if (rule.limit !== null) {
      const value = element("input", { type: "number", value: number(rule.limit), min: rule.least,
        max: rule.most, step: "any", disabled: rule.off, required: true,
        title: `${rule.least} to ${rule.most}; usually ${number(rule.usual)}` });
      value.addEventListener("change", () => ask(rule, value.valueAsNumber));
      label.append(value, element("span", { className: "unit" }, unit(rule.unit)));
    }
    label.append(on);
    label.dataset.rule = rule.name;
    return label;
  }));
}

function ask(rule, value) {
  refuse("");
  if (typeof value === "number" && Number.isNaN(value)) return refuse(`Give ${spaced(rule.name)} a number.`);
  if (!line.send({ limits: { [rule.name]: value } })) refuse("No connection: nothing was changed.");
}

function refuse(text) {
  $("refused").textContent = text && `${capital(text)}${text.endsWith(".") ? "" : "."}`;
  if (text) showRules();
}

$("rules").addEventListener("submit", (event) => event.preventDefault());
$("rules").addEventListener("focusout", () => setTimeout(() => later("rules")));

// The frozen trace ------------------------------------------------------------------------------

function oldest() {
  const { signal } = trace;
  return signal?.end == null ? 0 : signal.first / signal.fs;
}

function freeze(s) {
  if (!trace.signal) return;
  const least = Math.min(newest, oldest() + Math.min(trace.widthS, 2));
  frozen = Math.max(least, Math.min(newest, s));
  reach();
  $("back").hidden = false;
  $("trace").classList.add("frozen");
  $("freeze").setAttribute("aria-pressed", "true");
  $("freeze").textContent = "Frozen";
}

/** Of the log only what is kept leads to the trace. */
function expire() {
  const least = trace.signal ? oldest() : Infinity;
  for (const button of $("log").querySelectorAll("button")) button.disabled = +button.dataset.t < least;
}

/** What the frozen trace can be moved over: it grows, and its beginning goes. */
function reach() {
  if (frozen === null) return;
  Object.assign($("when"), { min: oldest() + Math.min(trace.widthS, 2), max: newest, value: frozen });
}

function live() {
  frozen = null;
  trace.calipers = null;
  $("back").hidden = true;
  $("trace").classList.remove("frozen");
  $("freeze").setAttribute("aria-pressed", "false");
  $("freeze").textContent = "Freeze";
  tellCalipers();
}

/** The trace at a time of the log, which is then in the middle. */
function jump(t) {
  freeze(t + trace.widthS / 2);
  $("strip").scrollIntoView({ block: "nearest" });
}

function tellCalipers() {
  $("calipers").setAttribute("aria-pressed", Boolean(trace.calipers));
  $("measured").textContent = trace.calipers
    ? `${trace.signal.leads[trace.calipers.lead]}: ${measured(trace.calipers)}` : "";
}

function toggleCalipers() {
  if (!trace.signal) return;
  if (trace.calipers) trace.calipers = null;
  else {
    if (frozen === null) freeze(head);
    const middle = frozen - trace.widthS / 2;
    trace.calipers = { lead: 0, from: { s: middle - 0.4, mv: 0 }, to: { s: middle + 0.4, mv: 1 } };
  }
  tellCalipers();
}

function moveCalipers(ds, dmv) {
  trace.calipers.to.s += ds;
  trace.calipers.to.mv += dmv;
  tellCalipers();
}

$("trace").addEventListener("pointerdown", (down) => {
  if (frozen === null || !trace.signal || down.button) return;
  const from = trace.place(down.clientX, down.clientY, frozen);
  const move = (event) => {
    const to = trace.place(event.clientX, event.clientY, frozen);
    const scale = trace.gain * trace.mm;
    to.mv += (trace.base(from.lead) - trace.base(to.lead)) / scale;
    trace.calipers = { lead: from.lead, from, to };
    tellCalipers();
  };
  $("trace").setPointerCapture(down.pointerId);
  $("trace").addEventListener("pointermove", move);
  const end = () => $("trace").removeEventListener("pointermove", move);
  $("trace").addEventListener("pointerup", end, { once: true });
  $("trace").addEventListener("pointercancel", end, { once: true });
});

$("freeze").addEventListener("click", () => (frozen === null ? freeze(head) : live()));
$("live").addEventListener("click", live);
$("earlier").addEventListener("click", () => freeze(frozen - STEP_S));
$("later").addEventListener("click", () => freeze(frozen + STEP_S));
$("when").addEventListener("input", () => freeze(+$("when").value));
$("calipers").addEventListener("click", toggleCalipers);
$("acknowledge").addEventListener("click", acknowledge);
$("sound").addEventListener("click", toggleSound);
$("silence").addEventListener("click", () => { sound.silence(); tellSound(); });

// What a viewer prefers -------------------------------------------------------------------------

function load() {
  try { return JSON.parse(localStorage.getItem("edge-ecg")) ?? {}; } catch { return {}; }
}

function keep(name, value) {
  kept[name] = value;
  try { localStorage.setItem("edge-ecg", JSON.stringify(kept)); } catch { /* for this time only */ }
}

function apply() {
  trace.set("speed", +$("speed").value);
  trace.set("gain", +$("gain").value);
  trace.signal?.choose($("filter").value, +$("notch").value);
}

for (const id of ["speed", "gain", "filter", "notch"]) {
  const options = [...$(id).options].map((option) => option.value);
  if (options.includes(kept[id])) $(id).value = kept[id];
  else if (id === "speed" && innerWidth <= 640) $(id).value = "25";
  $(id).addEventListener("change", () => { keep(id, $(id).value); apply(); });
}
apply();

const dark = matchMedia("(prefers-color-scheme: dark)");
function theme() {
  const wanted = kept.theme ?? (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = wanted;
  $("theme").textContent = wanted === "dark" ? "☀" : "☾";
  trace.colours();
  charts.redraw();
}
dark.addEventListener("change", theme);
$("theme").addEventListener("click", toggleTheme);
function toggleTheme() {
  keep("theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  theme();
}
theme();

function step(id, by) {
  const options = $(id).options;
  $(id).selectedIndex = Math.max(0, Math.min(options.length - 1, $(id).selectedIndex + by));
  $(id).dispatchEvent(new Event("change"));
}

document.addEventListener("keydown", (event) => {
  // What has the focus keeps the keys that it is worked with.
  const typing = event.target.matches("input[type=number], select")
    || (event.target.matches("input[type=checkbox]") && event.key === " ")
    || (event.target.matches("input[type=range]") && event.key.startsWith("Arrow"));
  if ((typing && event.key !== "Escape") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && event.target.matches("button")) return; // presses it
  const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const lift = { ArrowUp: 0.05, ArrowDown: -0.05 }[event.key];
  if (move && trace.calipers && !event.shiftKey) moveCalipers(move * 0.004, 0);
  else if (lift && trace.calipers) moveCalipers(0, lift);
  else if (move) freeze((frozen ?? head) + move * (event.shiftKey ? STEP_S / 4 : STEP_S));
  else {
    const action = {
      " ": () => (frozen === null ? freeze(head) : live()), Escape: live, c: toggleCalipers,
      a: acknowledge, m: () => { sound.silence(); tellSound(); }, s: toggleSound, t: toggleTheme,
      "+": () => step("gain", 1), "-": () => step("gain", -1),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    action();
  }
  event.preventDefault();
});

requestAnimationFrame(frame);
