"""What a run, a cache or a figure was made with: that nothing passes for what it is not.

A manifest holds every setting, the records that were read with what is in them, the code that
decides, and versions. Caches have its digest in their names. A run folder has it as
`manifest.json`, and its checkpoints and results name its digest: what was begun otherwise is
neither resumed nor told as new.

Which code decides is found, not listed: the modules that were asked for, and whatever of this
project they import, in turn. Comments and docstrings do not count, and what is compiled counts by
the source beside it. What a module imports by a name that is put together at run time is not seen,
nor are the `__init__` files of packages that are merely passed through.
"""

import ast
import hashlib
import importlib.util
import json
import platform
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import edge
from edge.errors import OutputError, RecordError
from train.engine.files import sha256, write_text

NAME: Final = "manifest.json"
OURS: Final = ("edge", "firmware_bridge", "quantize", "train")
"""Packages whose source counts; of others the version does."""
ROOT: Final = Path(str(edge.__file__)).resolve().parent.parent
PACKAGES: Final = ("numpy", "scipy", "scikit-learn", "torch", "wfdb")
REMEDY: Final = "give another --out, or --restart"
_SHOWN: Final = 3
"""Differences that a sentence names."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that decides what comes out; values are what JSON holds."""

    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    """What was read or learned from: digests, by name."""
    code: Mapping[str, str]
    """Digest of each module's source."""
    versions: Mapping[str, str]

    @property
    def digest(self) -> str:
        """16 hexadecimal digits."""
        return digest(asdict(self))

    @property
    def summary(self) -> dict[str, Any]:
        """What a file that is kept says of its origin: the data and code as digests alone."""
        return {
            "settings": self.settings,
            "data": digest(self.data),
            "code": digest(self.code),
            "versions": self.versions,
        }

    def now(self) -> "Manifest":
        """The same, but for the code of its modules, which is as it is now."""
        return replace(self, code=code(*self.code))


def manifest(settings: Mapping[str, Any], data: Mapping[str, Any], *roots: str) -> Manifest:
    """The manifest of something that modules named `roots` make of settings and data."""
    plain: list[Any] = json.loads(json.dumps([described(settings), data]))
    return Manifest(plain[0], plain[1], code(*roots), versions())


def digest(value: Any) -> str:
    """16 hexadecimal digits of what JSON can hold."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_arrays(arrays: Iterable[NDArray[Any]]) -> str:
    """16 hexadecimal digits of arrays' types, shapes and values."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.dtype.str} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).view(np.uint8).data)
    return total.hexdigest()[:16]


def described(value: Any) -> Any:
    """A setting as JSON holds it: dataclasses by field, without paths, what has no value by type.

    Where files lie decides nothing; what is in them is data.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        return of_arrays([value])
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in fields(value)}
        return {"kind": type(value).__qualname__} | described(parts)
    if isinstance(value, Mapping):
        return {str(k): described(v) for k, v in value.items() if not isinstance(v, Path)}
    if isinstance(value, Sequence):
        return [described(v) for v in value if not isinstance(v, Path)]
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def versions() -> dict[str, str]:
    """Of all that computes and is not ours."""
    known = {"python": ".".join(platform.python_version_tuple()[:2]), "machine": platform.machine()}
    for name in PACKAGES:
        try:
            known[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            known[name] = "none"
    return known


def code(*roots: str) -> dict[str, str]:
    """Digest of the source of each module that `roots` import, they themselves included."""
    found: dict[str, str] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or (path := _source(name)) is None:
            continue
        found[name], imports = _read(name, path)
        waiting += imports
    return dict(sorted(found.items()))


def _source(name: str) -> Path | None:
    """The file of a module of ours, None of another's; of a compiled one the Python beside it."""
    if name.partition(".")[0] not in OURS:
        return None
    path = ROOT.joinpath(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


@cache
def _read(name: str, path: Path) -> tuple[str, tuple[str, ...]]:
    """Digest of a module's source, and the modules that it imports."""
    tree = ast.parse(path.read_bytes())
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    imports: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            of = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            inner = [f"{of}.{alias.name}" for alias in node.names]
            imports += [module if _source(module) else of for module in inner]
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [line for line in node.body if not _is_text(line)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16], tuple(imports)


def _is_text(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def contents(folder: Path, names: Iterable[str], kept: Path) -> dict[str, str]:
    """Digest of the files of each named record of a folder; of one without any, of all its files.

    A record's are those called as it is, with a suffix or without, or as its header says. `kept` is
    a folder that remembers digests by path, size and times, so that what has not changed is not
    read again.
    """
    called, folder = folder.name, folder.resolve()
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            name = path.relative_to(folder)
            for known in {name, name.with_suffix("")}:
                files.setdefault(known.as_posix(), []).append(path)
    wanted = {name: {name, *_also(folder / f"{name}.hea", folder)} for name in names}
    if not any(name in files for name in wanted):
        wanted = {called: set(files)}
    memory = _Memory(kept / "hashes.json")
    found = {
        name: digest(
            [
                [p.name, memory.of(p)]
                for p in dict.fromkeys(p for stem in sorted(stems) for p in files.get(stem, ()))
            ]
        )
        for name, stems in tqdm(
            wanted.items(), f"hashes of {called}", unit="rec", delay=2, disable=None
        )
    }
    memory.keep()
    return found


def _also(header: Path, folder: Path) -> set[str]:
    """Stems of the files and segments that a record's header names."""
    try:
        lines = header.read_text("latin-1").splitlines()[1:]
    except OSError:
        return set()
    named = {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}
    place = header.parent.relative_to(folder)
    return {(place / name).with_suffix("").as_posix() for name in named}


class _Memory:
    """Digests of files that were read before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new: dict[str, list[Any]] = {}
        try:
            self._known: dict[str, list[Any]] = dict(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            self._known = {}

    def of(self, path: Path) -> str:
        """The digest of a file, given by its path from the root."""
        at, key = path.stat(), str(path)
        state = [at.st_size, at.st_mtime_ns, at.st_ctime_ns]
        before = self._known.get(key)
        if isinstance(before, list) and before[:3] == state:
            return str(before[3])
        found = sha256(path)[:16]
        self._new[key] = [*state, found]
        return found

    def keep(self) -> None:
        """Writes what is new; OutputError where that fails."""
        if not self._new:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_text(self._path, json.dumps(self._known | self._new))
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error}") from error


def claim(folder: Path, mine: Manifest, state: Iterable[Path], *, main: bool = True) -> None:
    """Makes a folder that of this run, whose `state` it may hold already.

    RecordError, which says what differs, where the state is another run's; OutputError where the
    manifest cannot be written. Only the `main` one of several processes writes it.
    """
    if any(path.exists() for path in state):
        same(folder, mine, known(folder))
    elif main:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / NAME, json.dumps(asdict(mine), indent=1) + "\n")
        except OSError as error:
            raise OutputError(f"cannot write to {folder}: {error}") from error


def expect(folder: Path, settings: Mapping[str, Any], state: Iterable[Path]) -> None:
    """Refuses early what `claim` would refuse when the data is there.

    By the code, and by those of the settings that are known so far.
    """
    theirs = read(folder)
    if theirs and any(path.exists() for path in state):
        plain = json.loads(json.dumps(described(settings)))
        same(folder, replace(theirs.now(), settings={**theirs.settings, **plain}), theirs)


def known(folder: Path, remedy: str = REMEDY) -> Manifest:
    """A run folder's manifest; RecordError where there is none."""
    theirs = read(folder)
    if theirs is None:
        raise RecordError(f"nothing says how what is in {folder} was made: {remedy}")
    return theirs


def same(folder: Path, mine: Manifest, theirs: Manifest, remedy: str = REMEDY) -> None:
    """RecordError, which says what differs and the remedy, where a folder's manifest is another."""
    if theirs.digest != mine.digest:
        raise RecordError(f"{folder} was made {unlike(theirs, mine)}: {remedy}")


def read(folder: Path) -> Manifest | None:
    """A run folder's manifest; None where there is none, or none that can be read."""
    try:
        return parsed(json.loads((folder / NAME).read_text("utf-8")))
    except (OSError, ValueError):
        return None


def summary(folder: Path) -> dict[str, Any]:
    """What a file says of the run folder that it came from."""
    found = read(folder)
    return found.summary if found else {}


def parsed(value: Any) -> Manifest:
    """A manifest of its JSON; ValueError where it is none."""
    try:
        found = Manifest(**value)
    except TypeError as error:
        raise ValueError(error) from None
    if not all(isinstance(getattr(found, f.name), dict) for f in fields(Manifest)):
        raise ValueError("no manifest")
    return found


def unlike(theirs: Manifest, mine: Manifest) -> str:
    """How what was made differs from what is wanted, after "was made"; "" where it does not."""
    told = [
        pair
        for part in ("settings", "versions")
        for pair in _differences(getattr(theirs, part), getattr(mine, part))
    ]
    # Of what is of another kind all else is other too.
    kinds = tuple(path.removesuffix("kind") for path, *_ in told if path.endswith(" kind"))
    told = [pair for pair in told if pair[0].endswith(" kind") or not pair[0].startswith(kinds)]
    others = [path for path, *values in told if any(map(_is_digest, values))]
    told = [pair for pair in told if pair[0] not in others]
    parts = [f"with other {_list(others)}"] if others else []
    if told:
        old, new = (_list([f"{pair[0]} {_short(pair[i])}" for pair in told]) for i in (1, 2))
        parts.append(f"with {old}, this is {new}")
    for part, words in (("data", "from other data"), ("code", "by other code")):
        names = [name for name, *_ in _differences(getattr(theirs, part), getattr(mine, part))]
        if names:
            parts.append(f"{words} ({_list(names)})")
    return ", ".join(parts)


def _differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The innermost names at which two values differ, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _differences(old.get(key), new.get(key), f"{path} {key}".strip())
    elif old != new:
        yield path, old, new


def _is_digest(value: Any) -> bool:
    """Whether nobody can read it."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{16}", value) is not None


def _short(value: Any) -> str:
    text = json.dumps(value) if not isinstance(value, str) else value
    return text if len(text) <= 60 else text[:57] + "..."


def _list(words: Sequence[str]) -> str:
    more = [f"{len(words) - _SHOWN} more"] if len(words) > _SHOWN else []
    return ", ".join([*words[:_SHOWN], *more])


def restart(*state: Path) -> None:
    """Removes what an earlier run left, files and folders; OutputError where that fails."""
    try:
        for path in state:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot remove what an earlier run left: {error}") from error
