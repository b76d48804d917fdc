"""The cost of decoding is measured for every protocol."""

from benchmarks.boards.decode import decode
from benchmarks.cli import main
from firmware_bridge.decoders import PROTOCOLS


def test_every_protocol_has_its_figures() -> None:
    report = decode(duration_s=1.0, repeats=1)
    assert list(report.data["protocols"]) == list(PROTOCOLS)
    assert all(f["us_per_sample"] > 0 for f in report.data["protocols"].values())
    assert [row.split()[0] for row in report.text.splitlines()[1:]] == list(PROTOCOLS)


def test_no_recordings_are_needed() -> None:
    assert main(["decode", "--duration", "0.5", "--repeats", "1"]) == 0
