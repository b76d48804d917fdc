"""Processes without the start of a process: forked where what they need is imported already."""

import functools
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO

from edge import demo

CODE: Final = Path(demo.__file__).parent.parent  # where they import what the tests import
_TURN: Final = threading.Lock()


def forked(
    modules: tuple[str, ...], code: str, streams: tuple[str, str, str], env: Mapping[str, str]
) -> int:
    """The exit code of a process that runs `code` where `modules` are imported; -n: of signal n.

    `streams` are the files that are its standard input, output and error.
    """
    with _TURN:
        _, asked = _server(modules)
        asked.write(json.dumps([code, streams, dict(env)]) + "\n")
        asked.flush()
        return os.waitstatus_to_exitcode(int(asked.readline()))


@functools.cache
def _server(modules: tuple[str, ...]) -> tuple[subprocess.Popen[bytes], TextIO]:
    """The process that forks, which ends with this one, and a line to it."""
    ours, theirs = socket.socketpair()
    master, slave = (
        os.openpty()
    )  # so that Python takes its streams for a terminal's, as they may be
    os.close(master)
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _SERVER, str(theirs.fileno()), *modules],
        stdin=slave, stdout=slave, stderr=slave, pass_fds=[theirs.fileno()],
        env={**os.environ, "PYTHONPATH": str(CODE)},
    )  # fmt: skip
    os.close(slave)
    theirs.close()
    with ours:
        return process, ours.makefile("rw")


_SERVER: Final = """
import importlib, json, os, signal, socket, sys
with socket.socket(fileno=int(sys.argv[1])) as line:
    asked, answers = line.makefile(), line.makefile("w")
for module in sys.argv[2:]:
    importlib.import_module(module)
for request in asked:
    child = os.fork()
    if not child:
        code, streams, env = json.loads(request)
        for number, path in enumerate(streams):
            file = os.open(path, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)[number] | os.O_NOCTTY)
            os.dup2(file, number)
            os.close(file)
        os.environ.clear()
        os.environ.update(env)
        signal.alarm(300)
        try:
            exec(code, {"__name__": "__main__"})
            sys.exit(0)
        except SystemExit as end:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(end.code or 0))
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    print(os.waitpid(child, 0)[1], file=answers, flush=True)
"""
