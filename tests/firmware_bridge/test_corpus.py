"""What fuzzing has found worth keeping (fuzz_text.py), asked again."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.boards.sketches import KINDS, Signal
from firmware_bridge.decoders.lines import Numbers, parse
from tests.firmware_bridge.test_decoders import fed

CORPUS = Path(__file__).with_name("corpus")
_T = np.arange(300) / 250
_ECG = np.exp(-(((_T % 0.8) - 0.3) ** 2) / 2e-4) + 0.02 * np.sin(40 * _T)
_SIGNAL = Signal(np.stack([_ECG, 0.5 - _ECG], axis=1), 250.0, 1e-4 * np.sin(_T) ** 2, 0.5)


def _printed(kind: str) -> bytes:
    printed = KINDS[kind](_SIGNAL)
    return (printed.end.join(["", *printed.lines, ""])).encode()


GOOD = [_printed(kind) for kind in KINDS]


def mutated(good: bytes, script: bytes) -> bytes:
    """Four bytes a step: where (two), what (drop, repeat, insert, change), how much."""
    out = bytearray(good)
    for i in range(0, len(script) - 3, 4):
        at = int.from_bytes(script[i : i + 2], "little") % (len(out) + 1)
        what, much = script[i + 2] & 3, script[i + 3]
        if what == 0:
            del out[at : at + much]
        elif what == 1:
            out[at:at] = out[max(0, at - much) : at]
        elif what == 2:
            out[at:at] = script[i + 4 : i + 4 + much % 32]
        elif at < len(out):
            out[at] ^= much
    return bytes(out[:8_000])


def check_text(data: bytes) -> None:
    """One input: a kind of text, how it is cut, and the text, or what happens to one of its kind.

    AssertionError where it is read otherwise when it is cut, fills the memory, or says nonsense.
    """
    if len(data) < 3:
        return
    stream = mutated(GOOD[data[0] % len(GOOD)], data[3:]) if data[2] & 1 else data[3:]
    cuts = [1 + 4 * data[1], 1 + 9 * data[2]]
    for name in ("csv", "ad8232"):
        assert fed(name, stream, cuts) == fed(name, stream, [10**6])
    for line in stream.split(b"\n"):
        found = parse(line)
        if isinstance(found, Numbers):
            assert not any(abs(value) >= 1e100 for value in found.values)
            assert len(found.values) == len(found.points) == len(found.names) == len(found.times)


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_text_that_fuzzing_has_found(path: Path) -> None:
    check_text(path.read_bytes())
