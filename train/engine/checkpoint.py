"""What a stopped training needs to go on, as one safetensors file, whose header holds the rest."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from edge.errors import OutputError, RecordError
from train.engine.files import replacing
from train.engine.manifest import NAME, REMEDY

EVERY_S: Final = 60.0
"""Work that a power cut costs at most."""


class Part(Protocol):
    """A network, an optimiser, a schedule."""

    def state_dict(self) -> dict[str, Any]:
        """Its state."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Puts its state back."""


class Checkpoint:
    """A file that is bound to its run's manifest; without a path nothing is kept."""

    def __init__(self, path: Path | None, digest: str, parts: Mapping[str, Part]) -> None:
        """`digest` is the manifest's; `parts` are what is kept and put back."""
        self._path, self._digest, self._parts = path, digest, parts
        self._saved = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether the last one is long ago; when that is decides nothing that is trained."""
        return bool(self._path) and time.monotonic() - self._saved >= EVERY_S

    def load(self) -> dict[str, Any] | None:
        """Puts the parts back; what else was kept, None where there is no file.

        RecordError where it is damaged, or of another run.
        """
        if not self._path or not self._path.exists():
            return None
        try:
            with safe_open(self._path, framework="pt") as file:
                if file.metadata()["manifest"] != self._digest:
                    raise ValueError("another run's")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                state: dict[str, Any] = _whole(json.loads(file.metadata()["state"]), tensors)
            for name, part in self._parts.items():
                part.load_state_dict(state.pop(name))
        # What is damaged surfaces in torch as almost any exception.
        except (
            SafetensorError,
            OSError,
            RuntimeError,
            ValueError,
            LookupError,
            TypeError,
        ) as error:
            raise RecordError(
                f"the checkpoint {self._path} is damaged or of another run than the {NAME} beside "
                f"it: {REMEDY}"
            ) from error
        return state

    def save(self, **more: Any) -> None:
        """Replaces the file by the parts as they are and `more`; OutputError where that fails."""
        if not self._path:
            return
        tensors: dict[str, Tensor] = {}
        state = {name: part.state_dict() for name, part in self._parts.items()} | more
        rest = json.dumps(_without_tensors(state, "", tensors))
        try:
            with replacing(self._path) as new:
                save_file(tensors, new, {"manifest": self._digest, "state": rest})
        except (OSError, SafetensorError) as error:
            raise OutputError(f"cannot write the checkpoint {self._path}: {error}") from error
        self._saved = time.monotonic()


def _without_tensors(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """A state as JSON holds it, number keys too; its tensors go to `tensors`, by their place."""
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().clone().contiguous()
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {
            "pairs": [[k, _without_tensors(v, f"{name}/{k}", tensors)] for k, v in value.items()]
        }
    if isinstance(value, list | tuple):
        return [_without_tensors(v, f"{name}/{i}", tensors) for i, v in enumerate(value)]
    return value


def _whole(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The state that `_without_tensors` took apart; tuples have become lists."""
    if isinstance(value, list):
        return [_whole(v, tensors) for v in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return tensors[value["tensor"]]
    return {k: _whole(v, tensors) for k, v in value["pairs"]}
