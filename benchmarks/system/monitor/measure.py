"""`edge-bench monitor`: the figures that makers of bedside monitors disclose, of our monitor.

ANSI/AAMI EC13 and IEC 60601-2-27 (201.7.9.2.9.101) say what a maker has to state, and how it is
measured. The requirements beside the figures are those that makers' manuals quote. Each signal is
played whole through `edge.monitor.Monitor`, one lead, without contact detection.
"""

from benchmarks.system.monitor.figure import Figure
from benchmarks.system.monitor.pacing import pacing
from benchmarks.system.monitor.qrs import heights_and_widths, tall_t, tolerance
from benchmarks.system.monitor.rates import irregular_rhythms, rate_range, step_response
from benchmarks.system.monitor.response import Play
from benchmarks.system.monitor.times import alarm_times


def figures(play: Play, fs: float) -> list[Figure]:
    """Every figure, at one board's rate; pacing pulses at those of `BOARDS`."""
    return [
        *rate_range(play, fs),
        *heights_and_widths(play, fs),
        *irregular_rhythms(play, fs),
        *step_response(play, fs),
        *alarm_times(play, fs),
        *tall_t(play, fs),
        *tolerance(play, fs),
        *pacing(play),
    ]
