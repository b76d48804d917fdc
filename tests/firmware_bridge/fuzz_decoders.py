"""Coverage-guided fuzzing of every decoder: `pip install atheris`, then

    python -m tests.firmware_bridge.fuzz_decoders -max_total_time=3600 CORPUS

The options are libFuzzer's. An input names a protocol and how the bytes are cut, and is those bytes
or says what happens to a good stream. What must hold is what test_decoders.py asks: nothing
raises, memory is bounded, blocks join up, and cutting changes nothing. A finding becomes a test.
(Atheris itself keeps memory: `-runs=5000`, again and again.)
"""

import sys

import atheris

with atheris.instrument_imports(include=["firmware_bridge"]):
    from tests.firmware_bridge import test_decoders as shared
    from tests.firmware_bridge.test_corpus import mutated

GOOD = {
    name: b"".join(shared.encoded(name, shared.signal(1, (210, False), (30, True), (80, False))))[
        :4_000
    ]
    for name in shared.NAMES
}


def check(data: bytes) -> None:
    """One input."""
    if len(data) < 3:
        return
    name = shared.NAMES[data[0] % len(shared.NAMES)]
    stream = mutated(GOOD[name], data[3:]) if data[2] & 1 else data[3:]
    cuts = [1 + data[1], 1 + data[2]]
    assert shared.fed(name, stream, cuts) == shared.fed(name, stream, [10**6])


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
