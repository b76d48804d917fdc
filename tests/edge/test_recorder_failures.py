"""The recorder where the disk is full, a folder cannot be written, or it is killed."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import wfdb

from edge.cli import run
from edge.errors import OutputError
from edge.intake import HOLD_S
from edge.outlet import Outlet
from edge.sinks.recorder import Recorder
from tests.edge.recordings import FS, beat, block, digital, notes, records, session


class _Limited:
    """Files may be no larger, as on a disk that is full."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __enter__(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        self._handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, self._before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)
        signal.signal(signal.SIGXFSZ, self._handler)


@pytest.mark.parametrize("size", [0, 100, 700, 1000, 4096])
def test_a_full_disk_leaves_what_is_there_readable_and_loses_nothing(
    tmp_path: Path, size: int
) -> None:
    recorder = Recorder(tmp_path)
    recorder.write(session())
    recorder.samples(block(0, range(100)))
    recorder.write(beat(50))
    if size > 700:
        recorder.flush()
    with _Limited(size):
        for second in range(8):
            recorder.samples(block(100 + 250 * second, range(100, 350)))
            recorder.write(beat(100 + 250 * second, id=second + 1))
            recorder._urgent = True
            try:
                recorder.flush()
                failed = False
            except OSError:
                failed = True
            for record in records(tmp_path):
                n = wfdb.rdrecord(record).sig_len
                assert 0 < n <= 350 + 250 * second
                assert [s for _, s, _ in notes(record)] == ["N"] * len(notes(record))
        assert failed
    recorder.flush()
    recorder.close()
    (record,) = records(tmp_path)
    assert digital(record)[:, 0].tolist() == [*range(100), *[*range(100, 350)] * 8]
    assert [x for x, _, _ in notes(record)] == [50, *range(100, 2100, 250)]


def test_a_full_disk_is_told_and_the_queue_behind_it_holds_the_signal(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    outlet = Outlet(recorder, "ecg")
    with _Limited(0):
        outlet.put(session())
        outlet.put(block(0, range(100)))
        deadline = time.monotonic() + 20
        while not outlet.error and time.monotonic() < deadline:
            time.sleep(0.01)
        change = outlet.change()
        assert change
        assert change.state == "failed"
        for at in range(100, round(HOLD_S * FS) + 5000, 5000):  # more than it may hold
            outlet.put(block(at, range(5000)))
    outlet.finish()
    while not outlet.ended and time.monotonic() < deadline:
        time.sleep(0.01)
    assert outlet.dropped == 1
    assert wfdb.rdrecord(records(tmp_path)[0]).sig_len == 100 + round(HOLD_S * FS)


CHILD = """
import mmap, struct, sys, time
from pathlib import Path
from edge.outlet import Outlet
from edge.sinks.recorder import Recorder
from tests.edge.recordings import beat, block, session

outlet = Outlet(Recorder(Path(sys.argv[1])), "ecg")
with open(sys.argv[2], "r+b") as file:
    told = mmap.mmap(file.fileno(), 8)
outlet.put(session())
began, at = time.monotonic(), 0
while True:
    outlet.put(block(at, range(at, at + 10)))
    if at >= 250 and at % 200 == 0:
        outlet.put(beat(at - 250, id=at))
    at += 10
    told[:] = struct.pack("q", at)
    time.sleep(max(0, began + at / 250 - time.monotonic()))
"""


def killed(folder: Path, after_s: float) -> int:
    """Samples that a recorder was given before it was killed, so long after the first."""
    told = folder.with_suffix(".told")
    told.write_bytes(bytes(8))
    command = [sys.executable, "-c", CHILD, str(folder), str(told)]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ) as child:
        while not int.from_bytes(told.read_bytes(), "little"):
            assert child.poll() is None
            time.sleep(0.01)
        time.sleep(after_s)
        child.kill()
    return int.from_bytes(told.read_bytes(), "little")


@pytest.mark.parametrize(
    "after_s",
    [0.0, 2.3, *(pytest.param(t / 7, marks=pytest.mark.slow) for t in range(1, 20))],
)
def test_what_is_killed_leaves_a_record_that_lacks_two_seconds_at_most(
    tmp_path: Path, after_s: float
) -> None:
    given = killed(tmp_path / "ecg", after_s)
    found = records(tmp_path / "ecg")
    n = 0
    for record in found:
        counts = digital(record)[:, 0]
        n = len(counts)
        assert counts.tolist() == list(range(n))
        beats = [sample for sample, symbol, _ in notes(record) if symbol == "N"]
        assert beats == list(range(150, 150 + 200 * len(beats), 200))
        assert len(beats) >= (n - 2 * 250 - 250) // 200
    assert given - n <= 2 * 250


def test_a_folder_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    args = ["--demo", "--speed", "max", "--quiet", "--record", str(tmp_path / "file" / "ecg")]
    assert run.main(args) == OutputError.exit_code
    with pytest.raises(SystemExit):
        run.main(["--demo", "--keep", "30d"])  # of what?
