"""What decoding costs on one core, for each protocol, against what its line can carry."""

from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.report import Report
from benchmarks.tables import table
from benchmarks.timing import one_core, seconds
from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import PROTOCOLS, decoder
from firmware_bridge.ports import LUMP_S

_BITS: Final = 10  # of a byte on the line: start, eight, stop
_FS: Final = 360.0  # where the board's is not fixed


def decode(duration_s: float = 60.0, repeats: int = 5) -> Report:
    """Median time over rounds of decoding a drawn signal, in reads as the link makes them.

    A line's rate is that of the fastest baud in the protocol's row, and a read is what comes over
    it in `LUMP_S`. USB boards have no baud; theirs stands for the 115200 that hosts set.
    """
    figures = {name: _figures(name, duration_s, repeats) for name in PROTOCOLS}
    rows = [
        [
            name,
            f"{f['line_bytes_per_s']:,}",
            f"{f['bytes_per_s']:,}",
            f"{f['times_line']:,}",
            f"{f['us_per_sample']:.3f}",
        ]
        for name, f in figures.items()
    ]
    head = ["protocol", "line, B/s", "decoded, B/s", "times line", "µs a sample"]
    return Report(table(head, rows), {"repeats": repeats, "protocols": figures})


def _figures(name: str, duration_s: float, repeats: int) -> dict[str, Any]:
    row = PROTOCOLS[name]
    fs = row.fs if isinstance(row.fs, float) else _FS
    leads = ("I", "II") if row.leads == "sent" else row.leads
    data, samples = _stream(name, fs, leads, duration_s)
    line = max(row.bauds) // _BITS
    read = max(1, round(line * LUMP_S))

    def run() -> None:
        reader = decoder(name, fs)
        for at in range(0, len(data), read):
            reader.feed(data[at : at + read])

    run()  # imports and caches are not the decoder's time
    with one_core():
        took = median(seconds(run) for _ in range(repeats))
    return {
        "line_bytes_per_s": line,
        "bytes_per_s": round(len(data) / took),
        "times_line": round(len(data) / took / line),
        "us_per_sample": round(1e6 * took / samples, 3),
        "leads": len(leads),
    }


def _stream(name: str, fs: float, leads: tuple[str, ...], duration_s: float) -> tuple[bytes, int]:
    """The board's bytes, and how many samples of each lead are in them."""
    rng = np.random.default_rng(1)
    n = round(fs * duration_s)
    nv = 300_000 * np.sin(np.arange(n)[:, None] / 20) + rng.normal(0, 10_000, (n, len(leads)))
    mv = mv_from_nv(np.rint(nv).astype(np.int64))
    encoder, size = PROTOCOLS[name].encoder(), max(1, round(fs / 30))
    states, saturated = (LeadState.ON,) * len(leads), (False,) * len(leads)
    blocks = (
        SampleBlock(at, mv[at : at + size], fs, leads, states, saturated)
        for at in range(0, n, size)
    )
    return b"".join(map(encoder.encode, blocks)), n
