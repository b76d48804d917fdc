"""A device that is not there: what is on it computes as ever, and mixes with nothing that is not.

Its tensors say that they are on `meta`, and hold what they hold. Whoever gives a network what is
not on its device, or takes what it says to NumPy from there, fails as on a GPU.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only

from train.engine import devices

ELSEWHERE = torch.device("meta")
_CROSSES = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}
_INDEXES = {torch.ops.aten.index.Tensor, torch.ops.aten.index_put.default}
"""Places may be told from the processor, of a tensor that is elsewhere."""


class There(Tensor):
    """A tensor on that device."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> "There":
        """`here` holds its values."""
        made: There = torch.Tensor._make_wrapper_subclass(
            cls,
            here.shape,
            strides=here.stride(),
            storage_offset=here.storage_offset(),
            dtype=here.dtype,
            device=ELSEWHERE,
            requires_grad=here.requires_grad,
        )
        made.here = here
        return made

    def __getitem__(self, at: Any) -> Tensor:
        """Lists of places are made into tensors where nothing is seen of it."""
        parts = at if isinstance(at, tuple) else (at,)
        sent = [_made(x, device=ELSEWHERE) if isinstance(x, list) else x for x in parts]
        return super().__getitem__(tuple(sent))

    def tolist(self) -> Any:
        """As on any device."""
        return self.here.tolist()

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"There({self.here!r})"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return _computed(func, args, dict(kwargs or {}))


class _Mode(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees what is made for the device, or sent there."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        return _computed(func, args, dict(kwargs or {}))


def _computed(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    seen: list[Tensor] = []
    tree_map_only(Tensor, seen.append, (args, kwargs))
    there = [x for x in seen if isinstance(x, There)]
    if any(x.is_meta and not isinstance(x, There) for x in seen):
        raise NotImplementedError(f"{func}: a tensor came about unseen, and holds nothing")
    told = func in _INDEXES and isinstance(args[0], There)
    if there and func not in _CROSSES and not told:
        strange = [x for x in seen if not isinstance(x, There) and x.ndim]
        if strange:
            raise RuntimeError(f"{func}: a tensor {list(strange[0].shape)} is on another device")
    asked = kwargs.get("device")
    result_there = bool(there)
    if asked is not None:
        result_there = torch.device(asked) == ELSEWHERE
        kwargs["device"] = torch.device("cpu")
    if func is torch.ops.aten.copy_.default:
        result_there = isinstance(args[0], There)
    real_args, real_kwargs = tree_map_only(There, lambda x: x.here, (args, kwargs))
    result = func(*real_args, **real_kwargs)
    if not result_there:
        return result
    known = {id(x.here): x for x in there}
    return tree_map_only(Tensor, lambda x: known[id(x)] if id(x) in known else There(x), result)


_tensor = torch.tensor


def _made(data: Any, **how: Any) -> Tensor:
    """`torch.tensor`, which alone is not seen above."""
    device = how.pop("device", "cpu")
    return _tensor(data, **how).to(device)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Trainings and new tensors of that device go there."""
    with pytest.MonkeyPatch.context() as patch, _Mode():  # type: ignore[no-untyped-call]
        patch.setattr(devices, "device", lambda: ELSEWHERE)
        patch.setattr(torch, "tensor", _made)
        yield
