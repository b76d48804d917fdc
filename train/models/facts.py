"""What a file says of the network in it, whatever it is kept as: safetensors or ONNX.

Needs no torch: who runs an exported network has none.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from edge.errors import RecordError

DELINEATOR: Final = "delineator"
"""The system that marks waves; all others state classes."""
KEY: Final = "edge-train"
"""Of the metadata of an ONNX file, where its facts are, as JSON."""


@dataclass(frozen=True, slots=True)
class Statement:
    """How sure a network's logit of one class makes, and from where on it is stated."""

    name: str
    slope: float = 1.0
    shift: float = 0.0
    """The probability is the logistic function of slope * logit + shift (Platt)."""
    threshold: float | None = None
    """Probability from which on the class is stated; None where no case was there to choose by."""
    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """By part, validation and test, see `train.studies.readings`."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The header of a file."""

    system: str
    config: Mapping[str, Any]
    """Every hyper-parameter of the encoder, so that another version's defaults change nothing."""
    classes: tuple[str, ...]
    """What the head tells apart; none where there is no head."""
    origin: Mapping[str, Any]
    """Data, settings and figures of the training."""
    window: Mapping[str, float] = field(default_factory=dict)
    """What it sees: `fs` in Hz, `seconds`, `highpass_hz`; empty where it is not to be read with."""
    statements: tuple[Statement, ...] = ()
    """Of each class, likewise."""

    @property
    def delineates(self) -> bool:
        """Whether the network marks waves, and states nothing."""
        return self.system == DELINEATOR

    def as_json(self) -> dict[str, Any]:
        """What JSON holds."""
        return asdict(self)

    @classmethod
    def of_json(cls, value: Any, path: Path) -> Self:
        """What `as_json` gave; RecordError where it is none, or of a version before there was."""
        try:
            system = str(value["system"])
            if "config" not in value:
                raise RecordError(
                    f"{path} does not hold its network's sizes, as files of older versions: "
                    "train it again"
                )
            return cls(
                system,
                dict(value["config"]),
                tuple(map(str, value["classes"])),
                dict(value["origin"]),
                dict(value["window"]),
                tuple(Statement(**of) for of in value["statements"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(path) from error


def damaged(path: Path) -> RecordError:
    """What is said of what is none of our files."""
    if path.is_dir():
        return RecordError(f"{path} is a folder: name a network's file, which `finetune` wrote")
    return RecordError(f"{path} is damaged, or no network that `edge-train` wrote")
