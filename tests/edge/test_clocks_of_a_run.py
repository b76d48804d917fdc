"""A whole run whose clocks jump: the program's own, by a library that is loaded before it.

What the system tells is changed on its way to the program, in all of its threads.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edge import demo, replay
from firmware_bridge.emulator import Emulator

DAY_S, HOUR_S = 86400.0, 3600.0
JUMPS = ((DAY_S, 0.0), (-DAY_S, 0.0), (HOUR_S, 0.0), (-HOUR_S, 0.0), (HOUR_S, HOUR_S))
"""Seconds that the time of day jumps by, and those that the machine was suspended."""
SOURCE = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static volatile long *by;  /* seconds: of the time of day, of the clock that counts suspends */
    long failed = syscall(SYS_clock_gettime, clock, now);

    if (!by) {
        int fd = open(getenv("CLOCKS_JUMP"), O_RDONLY);
        by = mmap(NULL, 2 * sizeof *by, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
    }
    if (clock == CLOCK_REALTIME)
        now->tv_sec += by[0];
    if (clock == CLOCK_BOOTTIME)
        now->tv_sec += by[1];
    return failed;
}
"""


@pytest.fixture(scope="module")
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (compiler := shutil.which("cc")):
        if request.config.getoption("--require-firmware"):
            pytest.fail("needs a C compiler")
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("clocks")
    (folder / "clocks.c").write_text(SOURCE)
    made = folder / "clocks.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(made), str(folder / "clocks.c")], check=True
    )
    return made


def test_jumps_of_the_clock_and_a_suspend_are_told_once_and_move_nothing(
    library: Path, tmp_path: Path
) -> None:
    clocks, file = tmp_path / "clocks", tmp_path / "events"
    jumped = [0.0, 0.0]

    def jump(*by_s: float) -> None:
        jumped[:] = [a + b for a, b in zip(jumped, by_s, strict=True)]
        data = b"".join(int(s).to_bytes(8, sys.byteorder, signed=True) for s in jumped)
        with clocks.open("r+b" if clocks.exists() else "wb") as out:
            out.write(data)

    jump(0.0, 0.0)
    env = {**os.environ, "LD_PRELOAD": str(library), "CLOCKS_JUMP": str(clocks)}
    recording = demo.stream()[0]
    with Emulator(replay.blocks(recording), stay=True) as board:
        command = ["edge.cli.run", "--port", board.port, "--protocol", "edge", "--quiet"]
        process = subprocess.Popen([sys.executable, "-m", *command, "--jsonl", str(file)], env=env)
        while not file.exists() or b'"final":true' not in file.read_bytes():
            time.sleep(0.05)
        for by_s in JUMPS:
            jump(*by_s)
            time.sleep(1.3)
        time.sleep(1.5)
        process.terminate()
        assert process.wait(30) == 0
    told: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().splitlines()]
    found = [(e["kind"], e["by_s"]) for e in told if e["type"] == "clock"]
    assert found == [
        (kind, pytest.approx(by_s, abs=0.5))
        for kind, by_s in (
            ("set", DAY_S), ("set", -DAY_S), ("set", HOUR_S), ("set", -HOUR_S),
            ("suspended", HOUR_S),
        )
    ]  # fmt: skip
    assert [e["state"] for e in told if e["type"] == "link"] == ["up"]
    # The board was not suspended with it; by the clock it sent nothing for an hour.
    (gap,) = [e for e in told if e["type"] == "gap"]
    assert gap["duration_s"] == pytest.approx(HOUR_S, abs=2.0)
    beats = [e["sample"] for e in told if e["type"] == "beat" and e["final"]]
    here = [r - gap["lost"] if r > gap["sample"] else r for r in beats]
    truth = [r for r, _ in demo.stream()[1].beats]
    for r in here:
        assert min(abs(r - true) for true in truth) < 0.1 * recording.fs
