"""Model bundles: a folder with a manifest and the model files that it vouches for.

Everything in the folder is hostile until it has been checked here, once: sizes are bounded,
only known file names are opened, every field has its type, every text can be shown, every file has
its SHA-256. What no check can tell, whether a model crashes the runtime that runs it, `edge.trial`
finds out.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NoReturn, Self, get_args, get_origin, get_type_hints

from edge.errors import BundleError
from firmware_bridge.text import printable

FORMAT = 2
"""Version of the manifest's schema that this runtime reads; 1 had the figures in it as well."""
DEFAULT_BUNDLE = "student"
"""Name of the shipped bundle that is used unless another is asked for."""
TFLITE, ONNX, ONNX_FLOAT = "model.tflite", "model.onnx", "model_float.onnx"
FILES = {TFLITE, ONNX, ONNX_FLOAT}
FIGURES = "figures.json"
"""Beside the manifest, what was measured of the bundle; no board reads it."""
THRESHOLDS = ("temperature", "unknown_below")
MAX_BYTES = 4 << 20
"""No file of a bundle may be larger; a student is a hundredth of it."""
MAX_VALUES = 1 << 16
"""No input of a model may have more values."""
MAX_TEXT = 1000
"""No text in a manifest may have more characters."""
LIMITS = (
    "Two-lead ambulatory recordings of 48 half hours from one laboratory are all that the figures "
    "rest on; few patients are rich in S, fewer in F, and a class that is rare in training is "
    "weak.",
    "Records 201 and 202 are one man, and the usual split has one in DS1 and the other in DS2.",
    "Paced beats are not among the classes: a pacemaker's beat gets one of them, or U.",
    "A beat is named only where the detector finds it, and U where the signal allows no class.",
    "The provisional label does not know the pause after the beat; the final one does.",
    "Under strong muscle noise beats are missed, named wrongly, or called U.",
)
"""Of every bundle that is trained and measured as the shipped one."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """int8 q stands for the real value (q - zero_point) * scale."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What the model eats, and the numbers that turn it into int8 and back."""

    fs_hz: float
    samples: int
    before_r: int
    """Samples of the window before its R peak."""
    channels: tuple[str, ...]
    context: tuple[str, ...]
    context_mean: tuple[float, ...]
    """Context is standardised by these before it is quantised, one a feature."""
    context_std: tuple[float, ...]
    ecg_quantization: Quantization
    context_quantization: Quantization
    logits_quantization: Quantization


@dataclass(frozen=True, slots=True)
class FileSpec:
    """What a file of the bundle must be."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Training:
    """Where the model came from; enough to make it again."""

    data: str
    split: str
    seed: int
    code_version: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The bundle's description, as `manifest.json` holds it."""

    format: int
    name: str
    version: str
    input: InputSpec
    classes: tuple[str, ...]
    thresholds: Mapping[str, float]
    """What turns logits into a decision, by name: those of the properties below."""
    files: Mapping[str, FileSpec]
    training: Training

    @property
    def temperature(self) -> float:
        """What logits are divided by before the softmax."""
        return self.thresholds.get("temperature", 1.0)

    @property
    def unknown_below(self) -> float:
        """The least probability that a label is given for."""
        return self.thresholds.get("unknown_below", 0.0)

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Parses a manifest; BundleError when anything about it is not as it must be."""
        data = _json(text, "manifest.json")
        version = data.get("format") if isinstance(data, dict) else None
        if version == 1:
            data = {**data, "format": FORMAT}
            data.pop("figures", None)
        elif version != FORMAT:
            raise BundleError(
                f"The bundle has manifest format {version!r:.20}, and this edge-ecg reads "
                f"format {FORMAT}: make the bundle again with this version's edge-quantize."
            )
        manifest: Self = _parse(cls, data, "manifest")
        _check_texts(data, "manifest.json")
        manifest._check()
        return manifest

    def to_json(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"

    def _check(self) -> None:
        """Refuses fields that are well formed but do not fit each other."""
        spec = self.input
        points = spec.ecg_quantization, spec.context_quantization, spec.logits_quantization
        divisors = (*spec.context_std, *(q.scale for q in points))
        values, features = spec.samples * len(spec.channels), len(spec.context)
        for right, words in (
            (spec.fs_hz > 0, "input.fs_hz must be positive"),
            (0 <= spec.before_r < spec.samples, "input.before_r must lie in the window"),
            (0 < values <= MAX_VALUES, f"a window must have 1 to {MAX_VALUES} values"),
            (features > 0, "input.context must name a feature"),
            (len(spec.context_mean) == features, "input.context_mean must fit input.context"),
            (len(spec.context_std) == features, "input.context_std must fit input.context"),
            (all(1e-9 < x < 1e9 for x in divisors), "scales and context_std must be 1e-9 to 1e9"),
            (all(abs(x) < 1e9 for x in spec.context_mean), "context_mean must be below 1e9"),
            (all(-128 <= q.zero_point <= 127 for q in points), "every zero_point must be an int8"),
            (
                set(self.thresholds) <= set(THRESHOLDS),
                f"thresholds: {THRESHOLDS}",
            ),
            (1e-3 <= self.temperature <= 1e3, "thresholds.temperature must be 0.001 to 1000"),
            (0 <= self.unknown_below <= 1, "thresholds.unknown_below must be 0 to 1"),
            (0 < len(set(self.classes)) == len(self.classes), "classes must be distinct"),
            (self.files.keys() == FILES, f"files must be {', '.join(sorted(FILES))}"),
        ):
            if not right:
                raise BundleError(f"The bundle's manifest.json does not make sense: {words}.")


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A checked model: its manifest and the bytes of its files."""

    manifest: Manifest
    files: Mapping[str, bytes]
    """By name; the very bytes whose hashes were checked."""
    trusted: bool = False
    """Comes with this package: its model need not be tried in a process of its own first."""

    @classmethod
    def load(cls, name_or_path: str | Path = DEFAULT_BUNDLE) -> Self:
        """Reads and checks a bundle: the name of a shipped one, or the path of a folder.

        BundleError when there is none, or anything about it is not as its manifest says.
        """
        folder, shipped = _folder(name_or_path)
        manifest = Manifest.from_json(_read(folder, "manifest.json"))
        files = {}
        for name, spec in manifest.files.items():
            content = _read(folder, name)
            if len(content) != spec.bytes or hashlib.sha256(content).hexdigest() != spec.sha256:
                raise BundleError(
                    f"{name} of the bundle {name_or_path} is not the file that its manifest "
                    "describes (wrong size or SHA-256): get the bundle again."
                )
            files[name] = content
        return cls(manifest, files, shipped)


def figures(name_or_path: str | Path = DEFAULT_BUNDLE) -> dict[str, Any]:
    """What was measured of a bundle, by the name it is kept under, free in form; {} if nothing was.

    BundleError where there is no such bundle, or its figures are damaged.
    """
    folder, _ = _folder(name_or_path)
    if not (folder / FIGURES).is_file():
        return {}
    data = _json(_read(folder, FIGURES), FIGURES)
    if not (isinstance(data, dict) and all(isinstance(of, dict) for of in data.values())):
        raise BundleError(
            f"The bundle's {FIGURES} does not make sense: it must be objects by name."
        )
    _check_texts(data, FIGURES)
    return data


def _json(text: bytes, name: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"The bundle's {name} is not valid JSON: {error}.") from None


def _check_texts(data: Any, name: str) -> None:
    """BundleError where a text of it cannot be shown."""
    if any(text != printable(text, MAX_TEXT) for text in _texts(data)):
        raise BundleError(
            f"The bundle's {name} holds a text that is not one line of at most {MAX_TEXT} "
            "printable characters."
        )


def _folder(name_or_path: str | Path) -> tuple[Traversable, bool]:
    """Where the bundle is, and whether it is a shipped one."""
    if isinstance(name_or_path, str) and re.fullmatch(r"[\w-]{1,64}", name_or_path):
        shipped = resources.files("edge") / "bundles" / name_or_path
        if shipped.is_dir():
            return shipped, True
    path = Path(name_or_path)
    if not os.path.isdir(path):  # noqa: PTH112  pathlib's raises without permission
        raise BundleError(
            f"There is no bundle {name_or_path}: give the name of a shipped one "
            f"(such as {DEFAULT_BUNDLE}) or the path of a bundle's folder."
        )
    return path, False


def _read(folder: Traversable, name: str) -> bytes:
    file = folder / name
    try:
        if not file.is_file():  # also what is there but no plain file, such as a pipe
            raise BundleError(f"The bundle {folder} has no file {name}: get the bundle again.")
        with file.open("rb") as stream:
            content: bytes = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise BundleError(f"{name} of the bundle {folder} cannot be read ({error}).") from None
    if len(content) > MAX_BYTES:
        raise BundleError(f"{name} of the bundle {folder} is larger than {MAX_BYTES} bytes.")
    return content


def _texts(value: Any) -> Iterator[str]:
    """Every string in JSON data, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key comes twice in one object")
    return data


def _parse(kind: Any, value: Any, where: str) -> Any:
    """JSON `value` as the type `kind`; nothing is converted but int to float."""
    arguments = get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        if isinstance(value, dict) and value.keys() == hints.keys():
            return kind(**{k: _parse(hints[k], value[k], f"{where}.{k}") for k in hints})
        words = f"an object with exactly the fields {', '.join(hints)}"
    elif get_origin(kind) is tuple:
        if isinstance(value, list):
            return tuple(_parse(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value))
        words = "a list"
    elif get_origin(kind) is Mapping:
        if isinstance(value, dict):
            return {k: _parse(arguments[1], v, f"{where}[{k!r:.40}]") for k, v in value.items()}
        words = "an object"
    elif kind is float:
        if type(value) in (int, float) and abs(value) <= sys.float_info.max:
            return float(value)
        words = "a finite number"
    elif kind is Any or type(value) is kind:
        return value
    else:
        words = {str: "a string", int: "an integer"}[kind]
    raise BundleError(f"The bundle's manifest.json does not make sense: {where} must be {words}.")
