"""Writes what is compiled in as a C header on standard output: a record to play, or test vectors.

Run by the Makefile, alone: `generate.py vectors`, and `generate.py record SAMPLES`, a file as
`python -m edge.cli.samples` writes it.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).with_name("vectors.json")


def record_header(recording: dict[str, Any]) -> str:
    """The recording (`fs` in Hz, `leads`, `nv` [n, leads] in nanovolts) as `player.h` wants it."""
    leads = recording["leads"]
    rows = ",\n".join(_numbers(row) for row in recording["nv"])
    return (
        "#include <stdint.h>\n"
        f"#define RECORD_MILLIHERTZ {round(recording['fs'] * 1000)}u\n"
        f"#define RECORD_LEADS {len(leads)}\n"
        f"#define RECORD_SAMPLES {len(recording['nv'])}u\n"
        "#if RECORD_LEADS > EDGE_LEADS\n"
        f'#error "for this record: make DEFINES=-DEDGE_LEADS={len(recording["leads"])}"\n'
        "#endif\n"
        f"static const char *const record_names[] = {_strings(leads)};\n"
        f"static const int32_t record_nv[RECORD_SAMPLES][RECORD_LEADS] = {{\n{rows}\n}};\n"
    )


def vectors_header(vectors: list[dict[str, Any]]) -> str:
    """The vectors as an array; of a HELLO, `first` is its rate in millihertz."""
    return (
        "#include <stddef.h>\n#include <stdint.h>\n"
        "typedef struct {\n"
        "    uint32_t first, time_us;\n    uint8_t n, leads;\n"
        "    const char *const *names;\n    const uint8_t *status;\n"
        "    const int32_t *nanovolts;\n    const uint8_t *wire;\n    size_t bytes;\n"
        "} vector;\n" + "".join(_vector_arrays(vectors)) + "static const vector vectors[] = {\n"
        + ",\n".join(_vector(i, v) for i, v in enumerate(vectors))
        + "\n};\n"
    )  # fmt: skip


def _vector_arrays(vectors: Iterable[dict[str, Any]]) -> Iterator[str]:
    for i, v in enumerate(vectors):
        wire = bytes.fromhex(v["wire"])
        yield f"static const uint8_t wire_{i}[] = {_numbers(wire)};\n"
        if v["type"] == "hello":
            yield f"static const char *const names_{i}[] = {_strings(v['leads'])};\n"
        else:
            flat = [value for sample in v["nanovolts"] for value in sample]
            yield f"static const uint8_t status_{i}[] = {_numbers(v['status'])};\n"
            yield f"static const int32_t nanovolts_{i}[] = {_numbers(flat)};\n"


def _vector(i: int, v: dict[str, Any]) -> str:
    if v["type"] == "hello":
        head = f"{v['millihertz']}u, 0, 0, {len(v['leads'])}, names_{i}, NULL, NULL"
    else:
        n = len(v["nanovolts"])
        head = (
            f"{v['first_sample']}u, {v['time_us']}u, {n}, {len(v['status'])}, "
            f"NULL, status_{i}, nanovolts_{i}"
        )
    return f"{{{head}, wire_{i}, sizeof wire_{i}}}"


def _numbers(values: Iterable[int]) -> str:
    # C has no literal for the lowest number.
    return "{" + ", ".join("INT32_MIN" if v == -(2**31) else str(v) for v in values) + "}"


def _strings(names: Iterable[str]) -> str:
    """Literals whose every byte is octal: nothing in a record's header reaches the compiler."""
    return "{" + ", ".join(f'"{_octal(name.encode())}"' for name in names) + "}"


def _octal(text: bytes) -> str:
    return "".join(f"\\{byte:03o}" for byte in text)


def main() -> None:
    """Write the header that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("vectors", help=f"those of {VECTORS.name}")
    record = what.add_parser("record", help="a recording")
    record.add_argument("samples", type=Path, help="JSON, from python -m edge.cli.samples")
    args = parser.parse_args()
    path = VECTORS if args.what == "vectors" else args.samples
    header = vectors_header if args.what == "vectors" else record_header
    print(header(json.loads(path.read_text(encoding="utf-8"))), end="")


if __name__ == "__main__":
    main()
