"""Known QRS detectors, all offline: each is given the whole record, and one lead of it.

All have their default parameters. What one marks may lie beside R (`gqrs` marks the onset, others
the top of an integral), so it may be moved by one constant: its median distance from the
reference over the clean records of DS1, first lead, where that raises its F1 there. It does for
`gqrs` alone; by their 47, 61, and 72 ms, `pan_tompkins`, `hamilton`, and `two_average` lose more
beats, whose marks lie elsewhere, than they gain. `edge-bench qrs --set ds1 --peers all` prints
the distances.
"""

import importlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.errors import EdgeError

Signal = NDArray[np.float64]


class Peer(NamedTuple):
    """One detector."""

    package: str
    """As pip knows it."""
    module: str
    find: Callable[[Any, Signal, float], ArrayLike]
    """Its marks, as sample indices, from the module, a lead in mV, [n], and the rate in Hz."""
    shift_ms: float = 0.0
    """Its marks lie so far behind the reference's."""


class Marks(NamedTuple):
    """What a peer found in a lead."""

    sample: NDArray[np.int64]
    """In time order, without the peer's shift."""
    failure: str | None
    """Why there are none."""


def _neurokit2(nk: Any, mv: Signal, fs: float) -> ArrayLike:
    rate = round(fs)
    cleaned = nk.ecg_clean(mv, sampling_rate=rate)
    return np.asarray(nk.ecg_peaks(cleaned, sampling_rate=rate)[1]["ECG_R_Peaks"])


def _ecgdetectors(method: str) -> Peer:
    def find(module: Any, mv: Signal, fs: float) -> ArrayLike:
        return np.asarray(getattr(module.Detectors(fs), f"{method}_detector")(mv))

    return Peer("py-ecg-detectors", "ecgdetectors", find)


PEERS: Final = {
    "sleepecg": Peer("sleepecg", "sleepecg", lambda m, mv, fs: m.detect_heartbeats(mv, fs)),
    "xqrs": Peer("wfdb", "wfdb.processing", lambda m, mv, fs: m.xqrs_detect(mv, fs, verbose=False)),
    "gqrs": Peer("wfdb", "wfdb.processing", lambda m, mv, fs: m.gqrs_detect(mv, fs), -33.3),
    "neurokit2": Peer("neurokit2", "neurokit2", _neurokit2),
    "pan_tompkins": _ecgdetectors("pan_tompkins"),
    "hamilton": _ecgdetectors("hamilton"),
    "two_average": _ecgdetectors("two_average"),
}
"""By the name that `--peers` takes. The last three are py-ecg-detectors', whose others do worse on
DS1 or fail with numpy 2."""


def require_peers(names: Sequence[str]) -> None:
    """Imports what these peers need; an EdgeError where a package is not installed."""
    for name in names:
        peer = PEERS[name]
        try:
            _module(peer)
        except ImportError as error:
            raise EdgeError(
                f"the peer {name} needs {peer.package}: "
                "install it with `pip install 'edge-ecg[bench]'`"
            ) from error


def find(name: str, mv: NDArray[np.floating], fs: float) -> Marks:
    """A peer's beats in one lead in mV, [n]; none where it fails, and then why."""
    peer = PEERS[name]
    module = _module(peer)
    try:
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            found = peer.find(module, mv.astype(np.float64, copy=False), fs)
            sample = np.unique(np.asarray(found, dtype=np.int64))
    except Exception as error:  # it is not ours, and a failure is a result
        return Marks(np.empty(0, np.int64), f"{type(error).__name__}: {error}")
    return Marks(sample, None if len(sample) else "no beats found")


def shifted(name: str, sample: NDArray[np.int64], fs: float) -> NDArray[np.int64]:
    """A peer's marks, [n] samples at `fs` Hz, moved to where the reference has its own."""
    return sample - round(PEERS[name].shift_ms * fs / 1000)


def _module(peer: Peer) -> Any:
    with warnings.catch_warnings(action="ignore"):
        return importlib.import_module(peer.module)
