"""Coverage-guided fuzzing of every reader of files: `pip install atheris`, then

    python -m tests.edge.fuzz_files READER -max_total_time=600 -timeout=60 FOLDER

The readers are those of test_files_corpus.py; the options are libFuzzer's. What must hold is asked
there: an input plays or is refused in one sentence, in bounded time and memory. A finding becomes a
test.
(Atheris itself keeps memory: `-max_total_time=600`, again and again.)

    python -m tests.edge.fuzz_files READER seed FOLDER   puts what test_files.py writes there
    python -m tests.edge.fuzz_files READER keep FOLDER   packs a folder into the corpus: first let
                                                         libFuzzer's -merge=1 make it small
"""

import io
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris
import numpy as np

READ_BY = [
    "edge.files",
    "edge.replay",
    "edge.arrays",
    "firmware_bridge.decoders.columns",
    "wfdb",
    "edfio",
]
with atheris.instrument_imports(include=READ_BY):
    import edfio
    import wfdb

    import edge.files.arrays
    import edge.files.edf
    import edge.files.tables
    import edge.files.wfdb  # noqa: F401
    from tests.edge import test_files_corpus as shared
    from tests.edge.test_files import FORMATS, HEADERS, KINDS, ROWS, hearts


def seeds(reader: str) -> list[bytes]:
    """Small files that play, most of them."""
    match reader:
        case "wfdb":
            return [*_of_each_format(), *_of_each_kind()]
        case "edf" | "bdf":
            return [_edf(reader, fs, unit) for fs in ((100,), (100, 20)) for unit in ("uV", "")]
        case "table":
            return _tables()
    found = []
    for x in (hearts(200, 2), hearts(200)[:, 0], np.arange(400, dtype="<i2"), np.zeros((3, 3, 3))):
        file = io.BytesIO()
        if reader == "npy":
            np.save(file, x)
        else:
            np.savez(file, x=x, fs=250)
        found.append(file.getvalue())
    return found + _named(reader)


def _named(reader: str) -> list[bytes]:
    """Arrays with names, and times beside them."""
    x, file = hearts(300, 2), io.BytesIO()
    times = np.delete(np.arange(310), slice(100, 110)) / 250
    if reader == "npy":
        kinds = [("t", "f8"), ("II", "f4"), ("x", "i2", 2)]
        fields = [(t, *row, [7, 7]) for t, row in zip(times, x[:, :1], strict=True)]
        np.save(file, np.array(fields, kinds))
    else:
        np.savez(file, time=times, I=x[:, 0], ecg=x, leads=["II", "V"], r_peaks=np.arange(9))
    return [file.getvalue()]


def _of_each_format() -> list[bytes]:
    found, rng = [], np.random.default_rng(1)
    for fmt in FORMATS:
        if fmt.startswith("5"):
            with tempfile.TemporaryDirectory() as folder:
                wfdb.wrsamp("r", 200, ["mV"], ["II"], d_signal=rng.integers(-99, 99, (200, 1)),
                    fmt=[fmt], adc_gain=[100], baseline=[0], write_dir=folder)  # fmt: skip
                head, data = ((Path(folder) / name).read_bytes() for name in ("r.hea", "r.dat"))
        else:
            lines = [f"r.dat {fmt}+5 200(3)/mV 16 0 7 0 0 I", f"r.dat {fmt} 1e3/uV 9 0 1 0 0 V"]
            head, data = "\n".join(["r 2 200 99", *lines]).encode(), rng.bytes(900)
        found.append(shared.PARTS.join([head, b"", data]))
    return found


def _of_each_kind() -> list[bytes]:
    one = HEADERS[0].replace(b"r", b"s").replace(b"2500", b"99")
    layout = b"s 2 250 0\n~ 0 1/mmHg 9 0 0 0 0 ABP\n~ 0 200/mV 9 0 0 0 0 II\n"
    heads = [(b"r/3 1 250 297\ns 99\n~ 99\ns 99\n", one), (b"r/2 2 250 99\ns 0\n~ 99\n", layout)]
    for text, *_ in KINDS.values():
        first, *lines = text.splitlines()
        lines = [re.sub(r"^\w+", "r", line) for line in lines]
        heads.append(("\n".join([" ".join(first.split()[:3]), *lines]).encode(), b""))
    signal = np.rint(hearts(500)[:, 0] * 1000).astype("<i2").tobytes()
    return [shared.PARTS.join([head, second, signal, signal]) for head, second in heads]


def _edf(kind: str, rates: tuple[int, ...], unit: str) -> bytes:
    whole: Any = edfio.Edf if kind == "edf" else edfio.Bdf
    signal = edfio.EdfSignal if kind == "edf" else edfio.BdfSignal
    signals = [
        signal(hearts(3 * fs)[:, 0], fs, label="ECG" if fs == 100 else "x", physical_dimension=unit)
        for fs in rates
    ]
    file = io.BytesIO()
    whole(signals, annotations=[edfio.EdfAnnotation(1, None, "x")] * len(unit)).write(file)
    return file.getvalue()


def _tables() -> list[bytes]:
    rows = list(enumerate(ROWS[:60]))
    head = "# x\n'Elapsed time','II'\n'hh:mm','µV'\n"
    return [
        "".join(f"{i / 250},{a},{b}\n" for i, (a, b) in rows).encode(),
        "".join(f"{a};{b};\r\n".replace(".", ",") for _, (a, b) in rows).encode("utf-16"),
        "".join(f"  {a}\t{b}\r" for _, (a, b) in rows).encode(),
        (head + "".join(f"'0:{i}','{a}'\n" for i, (a, _) in rows)).encode("latin-1"),
        "".join(f"{a} {b}\n" for _, (a, b) in rows).encode("utf-8-sig"),
        *_timed(rows),
    ]


def _timed(rows: list[tuple[int, list[float]]]) -> list[bytes]:
    """With rows that are missing, and those of a clock in any writing."""
    stamps: list[Callable[[int], str]] = [
        lambda i: f"{4 * i}",
        lambda i: f"2024-02-29T23:59:59.{4 * i:03}Z",
        lambda i: f"{i // 60 + 12}:59:59:{4 * i:03} pm",
        lambda i: f"{i % 16}",
    ]
    return [
        "".join(
            ["sep=;\nt (ms);II;7\n", *(f"{tell(i + i // 30)};{a};7\n" for i, (a, _) in rows)]
        ).encode()
        for tell in stamps
    ]


def _keep(reader: str, folder: Path) -> None:
    shared.CORPUS.mkdir(exist_ok=True)
    with zipfile.ZipFile(shared.CORPUS / f"{reader}.zip", "w", zipfile.ZIP_LZMA) as file:
        for path in sorted(folder.iterdir()):
            file.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_LZMA)


if __name__ == "__main__":
    _, reader, *rest = sys.argv
    if rest[:1] == ["seed"]:
        for number, data in enumerate(seeds(reader)):
            (Path(rest[1]) / f"seed{number}").write_bytes(data)
    elif rest[:1] == ["keep"]:
        _keep(reader, Path(rest[1]))
    else:
        folder = tempfile.mkdtemp()

        def one(data: bytes) -> None:
            """One input."""
            shared.check(reader, data, Path(folder))

        again = f"{sys.executable} -m tests.edge.fuzz_files {reader}"  # what -merge=1 runs
        atheris.Setup([again, *rest], one)
        atheris.Fuzz()
