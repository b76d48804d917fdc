"""`edge-bench sketches`: lines of text as sketches print them, of real recordings.

Each kind of text is printed of each recording at a rate, a height and an offset that are drawn, for
a few seconds, and given to the prober in lumps as `edge-run` does. Right is who is sure of a
protocol of text and whose samples are those that were printed, of the leads alone, but for a scale
and an offset. Wrong is who is sure of anything else.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.boards.probing import guess
from benchmarks.boards.recordings import Excerpt, excerpt, tried
from benchmarks.report import Report
from firmware_bridge.block import SampleBlock
from firmware_bridge.decoders import decoder

SECONDS: Final = 6.0
RATES: Final = (60.0, 90.0, 125.0, 190.0, 250.0, 360.0, 500.0, 1000.0)
_TEXT: Final = ("csv", "ad8232")
BOOT: Final = (
    b"ets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
    b"configsip: 0, SPIWP:0xee\r\nload:0x3fff0030,len:1184\r\nentry 0x400805f0\r\nSetup done.\r\n"
)


@dataclass(frozen=True, slots=True)
class Signal:
    """What a sketch has sampled: two leads in millivolts, shape [n, 2], and the rest it prints."""

    mv: NDArray[np.float64]
    fs: float
    jitter: NDArray[np.float64]
    """Of its loop, seconds a line, never negative."""
    offset: float
    """Of the converter, a part of its range."""

    def counts(self, bits: int) -> list[int]:
        """The first lead as a converter reads it."""
        return self.both(bits)[:, 0].tolist()  # type: ignore[no-any-return]

    def both(self, bits: int) -> NDArray[np.int64]:
        """Both leads as a converter reads them, shape [n, 2]."""
        full = 1 << bits
        at = (0.35 + 0.3 * self.offset) * full + self.mv * 1.1 / 5 * full
        return np.rint(at).astype(np.int64).clip(0, full - 1)

    def volts(self) -> list[float]:
        """The first lead at the converter."""
        return (1.3 + self.offset + 1.1 * self.mv[:, 0]).clip(0, 3.3).tolist()  # type: ignore[no-any-return]

    def seconds(self) -> NDArray[np.float64]:
        """When each line is printed."""
        return np.arange(len(self.mv)) / self.fs + self.jitter


@dataclass(frozen=True, slots=True)
class Printed:
    """Lines, and the leads that are in them, shape [n, leads]."""

    lines: list[str]
    leads: NDArray[np.float64]
    end: str = "\r\n"
    told: bool = False
    """Whether `leads` is in millivolts, and the lines say so."""
    off: int = 0
    """Samples for which the lines say that an electrode is off."""


Sketch = Callable[[Signal], Printed]


def _one(form: Callable[[int], str], bits: int = 10) -> Sketch:
    def sketch(signal: Signal) -> Printed:
        counts = signal.counts(bits)
        return Printed([form(x) for x in counts], np.array(counts, float)[:, None])

    return sketch


def _real(form: Callable[[float], str], unit: Callable[[Signal], list[float]]) -> Sketch:
    def sketch(signal: Signal) -> Printed:
        lines = [form(x) for x in unit(signal)]
        values = [
            float(line.replace(",", ".").split(":")[-1].split("=")[-1].rstrip("V"))
            for line in lines
        ]
        return Printed(lines, np.array(values)[:, None])

    return sketch


def _two(form: Callable[[int, int], str]) -> Sketch:
    def sketch(signal: Signal) -> Printed:
        both = signal.both(10)
        return Printed([form(a, b) for a, b in both.tolist()], both.astype(float))

    return sketch


def _clocked(form: Callable[[float], str], sep: str = ",", bits: int = 10) -> Sketch:
    """A clock before the sample; `form` is given seconds."""

    def sketch(signal: Signal) -> Printed:
        counts, seconds = signal.counts(bits), signal.seconds().tolist()
        lines = [f"{form(t)}{sep}{x}" for t, x in zip(seconds, counts, strict=True)]
        return Printed(lines, np.array(counts, float)[:, None])

    return sketch


def _signed(signal: Signal, step: float) -> list[int]:
    mv = signal.mv[:, 0] - np.median(signal.mv[:, 0])
    return np.rint(mv * step).astype(int).tolist()  # type: ignore[no-any-return]


def _integers(step: float, form: str = "{}") -> Sketch:
    def sketch(signal: Signal) -> Printed:
        values = _signed(signal, step)
        return Printed([form.format(x) for x in values], np.array(values, float)[:, None])

    return sketch


def _with(
    sketch: Sketch, change: Callable[[list[str], float], list[str]], end: str = "\r\n"
) -> Sketch:
    """Lines that are changed, added to, or otherwise ended, knowing the rate."""

    def changed(signal: Signal) -> Printed:
        printed = sketch(signal)
        return replace(printed, lines=change(printed.lines, signal.fs), end=end)

    return changed


def _said(*texts: str) -> Callable[[list[str], float], list[str]]:
    """These lines each second."""

    def change(lines: list[str], fs: float) -> list[str]:
        return [
            said
            for i, line in enumerate(lines)
            for said in ([*texts] if i % int(fs) == 3 else []) + [line]
        ]

    return change


def _same(lines: list[str], _: float) -> list[str]:
    return lines


def _clock(t: float) -> str:
    ms = int(1e3 * (13 * 3600 + 59 * 60 + 57 + t))
    seconds = ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms % 1000:03}"


def _bpm(signal: Signal) -> Printed:
    counts = signal.counts(10)
    rate = [70 + int(i // (1.3 * signal.fs)) % 4 for i in range(len(counts))]
    lines = [f"{x},{bpm}" for x, bpm in zip(counts, rate, strict=True)]
    return Printed(lines, np.array(counts, float)[:, None])


def _labelled(signal: Signal) -> Printed:
    both = signal.both(12)
    lines = [f"ECG:{a},RESP:{b},BPM:{70 + i // 200}" for i, (a, b) in enumerate(both.tolist())]
    return Printed(lines, both[:, :1].astype(float))


def _three(signal: Signal) -> Printed:
    both = signal.both(12)
    leads = np.column_stack([both, both[:, 1] - both[:, 0]]).astype(float)
    lines = [f"I:{a} II:{b} III:{b - a}" for a, b in both.tolist()]
    return Printed(lines, leads)


def _light(signal: Signal) -> Printed:
    both = signal.both(12)
    pulse = np.rint(52_000 + 400 * np.sin(8 * signal.seconds())).astype(int)
    lines = [f"IR:{p},RED:{p - 4000},ECG:{a}" for p, (a, _) in zip(pulse, both, strict=True)]
    return Printed(lines, both[:, :1].astype(float))


def _twelve(signal: Signal) -> Printed:
    both = signal.both(12)
    leads = np.concatenate([both + 3 * i for i in range(6)], axis=1)
    return Printed([",".join(map(str, row)) for row in leads.tolist()], leads.astype(float))


def _json(keys: str, bits: int = 12) -> Sketch:
    def sketch(signal: Signal) -> Printed:
        counts, ms = signal.counts(bits), (signal.seconds() * 1e3 + 5000).astype(int).tolist()
        out = []
        for t, x in zip(ms, counts, strict=True):
            match keys:
                case "one":
                    given: object = {"ecg": x}
                case "time":
                    given = {"t": t, "ecg": x, "leadsOff": False}
                case "nested":
                    given = {"ts": t, "data": {"ecg": x, "hr": 72}}
                case "real":
                    given = {"id": "esp32", "value": round(x * 3.3 / 4096, 4)}
                case _:
                    given = [t, x]
            out.append(json.dumps(given))
        leads = np.array([round(x * 3.3 / 4096, 4) if keys == "real" else x for x in counts])
        return Printed(out, leads.astype(float)[:, None])

    return sketch


def _decimal_comma(signal: Signal) -> Printed:
    volts = [round(x, 3) for x in signal.volts()]
    seconds = signal.seconds().tolist()
    lines = [f"{t:.3f};{v:.3f}".replace(".", ",") for t, v in zip(seconds, volts, strict=True)]
    return Printed(lines, np.array(volts)[:, None])


def _body(form: str, unit: float, digits: int) -> Sketch:
    """The first lead as it is at the electrodes, in a unit of so many millivolts."""

    def sketch(signal: Signal) -> Printed:
        mv = signal.mv[:, 0] + 5 * (signal.offset - 0.5)
        values = [round(x / unit, digits) for x in mv.tolist()]
        lines = [form.format(f"{x:.{digits}f}") for x in values]
        return Printed(lines, np.array(values)[:, None] * unit, told=True)

    return sketch


def _teleplot(many: int) -> Sketch:
    """So many samples a line, each with its time."""

    def sketch(signal: Signal) -> Printed:
        counts, ms = signal.counts(12), (signal.seconds() * 1e3 + 1627551892437).astype(int)
        pairs = [f"{t}:{x}" for t, x in zip(ms.tolist(), counts, strict=True)]
        pairs = pairs[: len(pairs) // many * many]
        lines = [";".join(pairs[at : at + many]) for at in range(0, len(pairs), many)]
        leads = np.array(counts[: len(pairs)], float)[:, None]
        return Printed([f">ecg:{line}" for line in lines], leads)

    return sketch


def _together(many: int, form: Callable[[int, list[int]], str]) -> Sketch:
    """So many samples of one lead a line; `form` is given milliseconds, and these."""

    def sketch(signal: Signal) -> Printed:
        counts = signal.counts(12)
        counts = counts[: len(counts) // many * many]
        ms = (5000 + signal.seconds() * 1e3).astype(int).tolist()
        lines = [form(ms[at], counts[at : at + many]) for at in range(0, len(counts), many)]
        return Printed(lines, np.array(counts, float)[:, None])

    return sketch


def _beside(form: Callable[[Signal], list[str]], before: bool = False, names: str = "") -> Sketch:
    """The first lead, and a column that is none."""

    def sketch(signal: Signal) -> Printed:
        counts = signal.counts(12)
        both = zip(counts, form(signal), strict=True)
        lines = [f"{other},{x}" if before else f"{x},{other}" for x, other in both]
        header = [names] if names else []
        return Printed([*header, *lines], np.array(counts, float)[:, None])

    return sketch


def _intervals(signal: Signal) -> list[str]:
    us = np.rint(np.diff(signal.seconds(), prepend=-1 / signal.fs) * 1e6 / 4).astype(int) * 4
    return [str(x) for x in us.tolist()]


def _clocked_intervals(signal: Signal) -> Printed:
    ms = (5000 + signal.seconds() * 1e3).astype(int)
    steps = np.diff(ms, prepend=ms[0] - 5)
    counts = signal.counts(12)
    lines = [f"{t},{dt},{x}" for t, dt, x in zip(ms.tolist(), steps, counts, strict=True)]
    return Printed(lines, np.array(counts, float)[:, None])


def _axes(signal: Signal) -> list[str]:
    t = signal.seconds()
    still = np.random.default_rng(len(t)).normal(0, 40, (3, len(t)))
    axes = np.rint(still + 16384 * np.stack([0.1 * np.sin(t), 0.2 * np.cos(t), 0.97 + 0 * t]))
    return [",".join(map(str, row)) for row in axes.T.astype(int).tolist()]


def _off_inside(word: str) -> Sketch:
    """Electrodes off for half a second."""

    def sketch(signal: Signal) -> Printed:
        counts = signal.counts(10)
        off, at = int(signal.fs / 2), int(4.5 * signal.fs)
        lines = [str(x) for x in counts]
        lines[at:at] = [word] * off
        return Printed(lines, np.array(counts, float)[:, None], off=off)

    return sketch


def _off_first(signal: Signal) -> Printed:
    counts = signal.counts(10)
    off = int(2 * signal.fs)
    lines = ["!"] * off + [str(x) for x in counts]
    return Printed(lines, np.array(counts, float)[:, None])


KINDS: Final[dict[str, Sketch]] = {
    "512": _one(str),
    "512, 12 bits": _one(str, 12),
    "512, 14 bits": _one(str, 14),
    "512, LF": _with(_one(str), _same, "\n"),
    "512, CR": _with(_one(str), _same, "\r"),
    "512,": _one("{},".format),
    "512;": _one("{};".format),
    "512 and a blank": _one("{} ".format),
    "512, 16 bits": _one(str, 16),
    "8388608": _one(str, 24),
    "-12": _integers(200),
    "-12, fine": _integers(2000),
    "+12": _integers(200, "{:+}"),
    "-27262976": _integers(27262976),
    "1.65": _real("{:.2f}".format, Signal.volts),
    "1.6512": _real("{:.4f}".format, Signal.volts),
    "512.00": _real("{:.2f}".format, lambda s: [float(x) for x in s.counts(10)]),
    "-0.123": _real("{:.3f}".format, lambda s: (s.mv[:, 0] - s.mv[:, 0].mean()).tolist()),
    "-1.23e-04": _real("{:.2e}".format, lambda s: (s.mv[:, 0] * 1e-3).tolist()),
    "1.65E+00": _real("{:.4E}".format, Signal.volts),
    "1,650": _real(lambda x: f"{x:.3f}".replace(".", ","), Signal.volts),
    "0,012;1,650": _decimal_comma,
    "ECG:512": _one("ECG:{}".format),
    "ecg = 512": _one("ecg = {}".format),
    "ECG: 512 mV": _one("ECG: {} mV".format),
    "value=1.65": _real("value={:.3f}".format, Signal.volts),
    "ECG:512,LO:0": _one("ECG:{},LO:0".format),
    "Min:0 ECG:512 Max:1023": _one("Min:0 ECG:{} Max:1023".format),
    "ECG:512,RESP:300,BPM:72": _labelled,
    "I:1 II:2 III:3": _three,
    "IR:5,RED:4,ECG:512": _light,
    "12 leads": _twelve,
    ">ecg:512": _one(">ecg:{}".format),
    ">ecg:512§mV|g": _one(">ecg:{}§mV|g".format),
    ">ecg:512 and >bpm:72": _with(
        _one(">ecg:{}".format), lambda lines, _: [x for line in lines for x in (line, ">bpm:72")]
    ),
    '{"ecg":512}': _json("one"),
    '{"t":5000,"ecg":512}': _json("time"),
    '{"data":{"ecg":512}}': _json("nested"),
    '{"value":1.65}': _json("real"),
    "[5000,512]": _json("list"),
    "512,300": _two("{},{}".format),
    "512, 300": _two("{}, {}".format),
    "512;300": _two("{};{}".format),
    "512 300": _two("{} {}".format),
    "512<tab>300": _two("{}\t{}".format),
    "512,300,": _two("{},{},".format),
    "0 512 1023": _one("0 {} 1023".format),
    "512,72": _bpm,
    "millis,512": _clocked(lambda t: f"{int(5000 + t * 1e3)}"),
    "millis<tab>512": _clocked(lambda t: f"{int(5000 + t * 1e3)}", "\t"),
    "millis: 512": _clocked(lambda t: f"{int(5000 + t * 1e3)}", " -> "),
    "millis, 16 bits": _clocked(lambda t: f"{int(64000 + t * 1e3) % 65536}"),
    "micros,512": _clocked(lambda t: f"{int(3e9 + t * 1e6)}"),
    "micros that wrap": _clocked(lambda t: f"{int(2**32 - 5e5 + t * 1e6) % 2**32}"),
    "seconds,512": _clocked(lambda t: f"{12 + t:.3f}"),
    "epoch s": _clocked(lambda t: f"{1.7e9 + t:.3f}"),
    "epoch whole s": _clocked(lambda t: f"{int(1.7e9 + t)}"),
    "epoch ms": _clocked(lambda t: f"{int(1.7e12 + t * 1e3)}"),
    "epoch us": _clocked(lambda t: f"{int(1.7e15 + t * 1e6)}"),
    "epoch ns": _clocked(lambda t: f"{int(1.7e18) + int(t * 1e9)}"),
    "13:59:57.123,512": _clocked(_clock),
    "13:59:57.123 -> 512": _clocked(_clock, " -> "),
    "2026-01-02T13:59:57.123,512": _clocked(lambda t: f"2026-01-02T{_clock(t)}"),
    "counter,512": _with(
        _one(str), lambda lines, _: [f"{i % 256},{line}" for i, line in enumerate(lines)]
    ),
    "512 and BPM: 72": _with(_one(str), _said("BPM: 72")),
    "512 and 72 bpm": _with(_one(str), _said("72 bpm", "")),
    "512,300 and prose": _with(
        _two("{},{}".format), _said("Heart rate: 72 bpm", "Beat!!! detected")
    ),
    "ECG:512 and BPM:72": _with(_one("ECG:{}".format), _said("BPM:72")),
    "boot log, 512": _with(_one(str), lambda lines, _: [*BOOT.decode().splitlines(), *lines]),
    "byte order mark, 512,300": _with(
        _two("{},{}".format), lambda lines, _: ["\ufeffecg1,ecg2", *lines]
    ),
    "header I,II": _with(_two("{},{}".format), lambda lines, _: ["I,II", *lines]),
    "header ecg,resp": _beside(
        lambda s: [str(x) for x in s.both(12)[:, 1].tolist()], names="ecg,resp"
    ),
    "! first, 512": _off_first,
    "0.53 mV": _body("{} mV", 1.0, 2),
    "0.531mV": _body("{}mV", 1.0, 3),
    "530 uV": _body("{} uV", 1e-3, 0),
    "530µV": _body("{}µV", 1e-3, 0),
    "0.00053 V": _body("{} V", 1e3, 6),
    "ECG: 0.53 mV": _body("ECG: {} mV", 1.0, 2),
    "ECG_uV:530": _body("ECG_uV:{}", 1e-3, 0),
    "ecg (mV) = 0.531": _body("ecg (mV) = {}", 1.0, 3),
    '{"ecg_mV":0.531}': _body('{{"ecg_mV":{}}}', 1.0, 3),
    '{"ecg":530,"unit":"uV"}': _body('{{"ecg":{},"unit":"uV"}}', 1e-3, 0),
    ">ecg:0.531§mV|g": _body(">ecg:{}§mV|g", 1.0, 3),
    "1.20V": _real("{:.3f}V".format, Signal.volts),
    "header ecg_mV,ms": _with(
        _body("{}", 1.0, 3),
        lambda lines, fs: [
            "ecg_mV,ms",
            *(f"{line},{5000 + int(i * 1e3 / fs)}" for i, line in enumerate(lines)),
        ],
    ),
    ">ecg:1627551892437:512;...": _teleplot(8),
    ">ecg:1627551892437:512": _teleplot(1),
    ">ecg:512 >bpm:72": _one(">ecg:{} >bpm:72".format, 12),
    "millis,dt,512": _clocked_intervals,
    "header ecg,dt": _beside(_intervals, names="ecg,dt"),
    "header dt,ecg": _beside(_intervals, before=True, names="dt,ecg"),
    "512, counting down": _beside(lambda s: [str(9999 - i) for i in range(len(s.mv))]),
    "counting down from 99, 512": _beside(
        lambda s: [str(99 - i % 100) for i in range(len(s.mv))], before=True
    ),
    "ECG:512,AX:1,AY:2,AZ:3": _beside(
        lambda s: ["AX:{},AY:{},AZ:{}".format(*x.split(",")) for x in _axes(s)], names=""
    ),
    "header ecg,ax,ay,az": _beside(_axes, names="ecg,ax,ay,az"),
    "header ecg,temp,spo2,hr,resp,battery": _beside(
        lambda s: [
            f"{36.5 + 0.01 * (i % 7):.2f},{97 + i % 3},{70 + i % 5},{300 + i % 40},{3.7 + i % 2}"
            for i in range(len(s.mv))
        ],
        names="ecg,temp,spo2,hr,resp,battery",
    ),
    "512 and OK": _with(_one(str), _said("OK")),
    "512 and --": _with(_one(str), _said("--", "")),
    "512,300 and OK": _with(_two("{},{}".format), _said("OK", "-----")),
    "512 and Leads off!": _with(_one(str), _said("Leads off!")),
    "512, then ! for a while": _off_inside("!"),
    "512, then Leads off! for a while": _off_inside("Leads off!"),
    "[512, 33]": _two("[{}, {}]".format),
    "[512 33]": _two("[{} {}]".format),
    '"512"': _one('"{}"'.format),
    "'512'": _one("'{}'".format),
    '"512","300"': _two('"{}","{}"'.format),
    "ECG 512": _one("ECG {}".format),
    "A0=512": _one("A0={}".format),
    "$512,33;": _two("${},{};".format),
    "<512>": _one("<{}>".format),
    "(512,300)": _two("({},{})".format),
    '{"ecg":[512,513,...]}': _together(5, lambda _, x: json.dumps({"ecg": x})),
    '{"ts":5000,"ecg":[512,513,...]}': _together(5, lambda t, x: json.dumps({"ts": t, "ecg": x})),
    "512,513,514,...": _together(5, lambda _, x: ",".join(map(str, x))),
    "millis,512,513,...": _together(5, lambda t, x: ",".join(map(str, [t, *x]))),
    "ECG:512;513;...": _together(5, lambda _, x: "ECG:" + ";".join(map(str, x))),
    "I (5000) ecg: 512": _clocked(lambda t: f"I ({int(5000 + t * 1e3)}) ecg: ", "", 12),
    "I (5000) ecg: 512, in colour": _with(
        _clocked(lambda t: f"\x1b[0;32mI ({int(5000 + t * 1e3)}) ecg: ", "", 12),
        lambda lines, _: [f"{line}\x1b[0m" for line in lines],
    ),
    "512, in colour": _one("\x1b[32m{}\x1b[0m".format, 12),
    "512 and the rest of a buffer": _with(_one(str, 12), _same, "\r\n" + 9 * "\0"),
    "S512, B72, Q800": _with(_one("S{}".format), _said("B72", "Q800")),
    "512 adu": _one("{} adu".format, 12),
    "ЭКГ: 512": _one("ЭКГ: {}".format, 12),
    "Raw:512,Filtered:300": _two("Raw:{},Filtered:{}".format),
    "13:59:57,123;512": _clocked(lambda t: _clock(t).replace(".", ","), ";"),
    "counter to 99, 512": _with(
        _one(str), lambda lines, _: [f"{i % 100},{line}" for i, line in enumerate(lines)]
    ),
    "512 and a dump": _with(_one(str, 12), _said("dump: " + "ab " * 500)),
    "ECG:512, and then BPM:72": _with(
        _one("ECG:{}".format, 12),
        lambda lines, _: [
            f"{line},BPM:72" if i > 300 and i % 77 == 0 else line for i, line in enumerate(lines)
        ],
    ),
}


def sketches(data: Path, kinds: dict[str, Sketch] = KINDS) -> Report:
    """Every kind of fifty recordings."""

    def told(sketch: Sketch, recording: Excerpt, rng: np.random.Generator) -> str:
        return judge(sketch, signal(recording, rng))

    return tried(data, "text", kinds, told, ("right", "unsure", "wrong"), "wrong and sure of it")


def signal(recording: Excerpt, rng: np.random.Generator) -> Signal:
    """Some seconds of it, from anywhere, at a rate, a height and an offset that are drawn."""
    fs = float(rng.choice(RATES))
    mv = excerpt(recording, SECONDS, fs, rng)
    jitter = rng.uniform(0, 0.3 / fs, len(mv))
    return Signal(mv, fs, jitter, float(rng.uniform(0, 1)))


def judge(sketch: Sketch, given: Signal) -> str:
    """Prints it; what is made of it: "right", "unsure", or "wrong" and sure of it."""
    printed = sketch(given)
    data = ("\r\n" + printed.end.join(printed.lines) + printed.end).encode()
    said = guess(data)
    if said is None or not said.sure:
        return "unsure"
    right = said.name in _TEXT and _equal(decoder(said.name, given.fs).feed(data), printed)
    return "right" if right else "wrong"


def _equal(blocks: list[SampleBlock], printed: Printed) -> bool:
    """Whether the last samples are these, and no other lead is; `told` or not, as it must be.

    But for a scale and an offset, where the lines do not tell these.
    """
    leads = printed.leads
    rows = [row for block in blocks if not _off(block) for row in block.mv.astype(float)]
    if not rows or len(rows[0]) != leads.shape[1] or any(block.lost for block in blocks):
        return False
    n = len(rows)
    if not len(leads) - 256 <= n <= len(leads):
        return False
    if printed.off and printed.off != sum(len(block) for block in blocks if _off(block)):
        return False
    if all(scale.told for scale in blocks[0].scale) != printed.told:
        return False
    for got, sent in zip(np.array(rows).T, leads[-n:].T, strict=True):
        slope, offset = np.polyfit(sent, got, 1) if np.ptp(sent) and not printed.told else (1.0, 0)
        offset = offset if np.ptp(sent) or printed.told else got[0] - sent[0]
        if np.abs(slope * sent + offset - got).max() > 1e-3 * max(np.ptp(got), 1e-3):
            return False
        if np.ptp(sent) and slope <= 0:
            return False
    return True


def _off(block: SampleBlock) -> bool:
    return any(state.value == "off" for state in block.lead_state)
