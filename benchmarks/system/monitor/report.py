"""`edge-bench monitor` as text, as data, and as the page `docs/monitor.md`."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from benchmarks.report import Report, model_name
from benchmarks.system.monitor.figure import Figure
from benchmarks.system.monitor.measure import figures
from benchmarks.system.monitor.response import player
from benchmarks.system.monitor.waveforms import NOISE_MV
from benchmarks.tables import table
from edge.bundle import Bundle
from edge.errors import OutputError
from train.engine import markdown

_HEADER: Final = ("", "asked for", "measured", "met", "makers")
SOURCES: Final = {
    "a": "GE B20, user manual, page 137",
    "b": "Mindray uMEC10, BeneHeart D60 and BeneVision N1, operator's manuals, appendix A",
    "c": "Philips MP2, instructions for use, chapter 24",
    "d": "Welch Allyn Propaq LT, directions for use, page 145",
    "e": "Mindray (Datascope) Trio, operating instructions, page 6-8",
}
"""Where the makers' figures are printed."""
_INTRO: Final = """\
The figures that makers of bedside monitors disclose (ANSI/AAMI EC13, IEC 60601-2-27
201.7.9.2.9.101), measured on this monitor. **It claims no conformity with any standard, and is no
medical device**: the standards leave out home monitors, ask for much more than this, and their own
drawings of the waveforms are not at hand. Do not rely on it to watch anybody."""
_METHOD: Final = """\
- Waveforms: `benchmarks/system/monitor/waveforms.py`. A QRS is a symmetric triangle, a T wave a
  raised cosine, a ventricular beat two unequal triangles of 240 ms. One lead, contact unknown,
  {noise:g} µV RMS of white noise, {fs:g} Hz (pacing pulses: as their rows say). The irregular
  rhythms and the tachycardias of the standard are recordings; ours are drawn with their rates and
  heights.
- The rate is the one that is told: that of the last `rhythm` event.
- Times are from the last R before the change, median and range of five tries that begin at other
  parts of a second. Alarm limits are as they are without options.
- Pacing pulses: 0.1, 0.5, 1 and 2 ms; 2, 20, 200 and 700 mV, both polarities; through the low-pass
  named and sampled. Passed over means that as many beats are counted as there are QRS, one more or
  less, wherever in pulse and QRS they are placed.
- What is asked for: tall T, pacing pulses, irregular rhythms and all that is only to be disclosed
  stand in two of the manuals below and more; the range of the rate, 10 s to an alarm, hum, drift,
  and which QRS count are as other texts quote EC13, which was not at hand. 10 s to a tachycardia is
  our aim: of that the standard asks only that it be disclosed.
- "makers" is what bedside monitors' manuals print, by letter:"""


def monitor(fs: float, model: str, out: Path | None) -> Report:
    """Measures everything at a board's rate; writes the page to `out`, if given.

    Raises OutputError if that cannot be written.
    """
    bundle = Bundle.load(model)
    found = figures(player(bundle), fs)
    if out:
        try:
            out.write_text(page(found, fs), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write {out}: {error.strerror}") from error
    name = model_name(bundle.manifest)
    data = {"fs": fs, "model": name, "figures": [figure._asdict() for figure in found]}
    return Report(text(found, fs), data)


def text(found: Sequence[Figure], fs: float) -> str:
    """A table for each group."""
    parts = [f"monitor, {fs:g} Hz; no conformity with any standard is claimed"]
    for group, of in groupby(found, lambda figure: figure.group):
        parts.append(table((group, *_HEADER[1:]), [_cells(figure, "NO") for figure in of]))
    sources = "\n".join(f"({letter}) {source}" for letter, source in SOURCES.items())
    return "\n\n".join([*parts, sources])


def page(found: Sequence[Figure], fs: float) -> str:
    """The same as a page; the same figures give the same bytes."""
    parts = ["# The monitor as makers disclose theirs", _INTRO]
    parts.append(
        f"`edge-bench monitor --out docs/monitor.md` makes this page. Of the "
        f"{sum(figure.met is not None for figure in found)} rows that ask for something "
        f"{sum(figure.met is True for figure in found)} are met."
    )
    for group, of in groupby(found, lambda figure: figure.group):
        parts += [f"## {group}", markdown.table(_HEADER, [_cells(f, "**no**") for f in of])]
    sources = "\n".join(f"  - {letter}: {source}" for letter, source in SOURCES.items())
    method = _METHOD.format(noise=NOISE_MV * 1000, fs=fs)
    return "\n\n".join([*parts, "## How it is measured", f"{method}\n{sources}"]) + "\n"


def _cells(figure: Figure, no: str) -> tuple[str, ...]:
    met = "" if figure.met is None else "yes" if figure.met else no
    return (figure.what, figure.required, figure.measured, met, figure.makers)
