"""Known QRS detectors, all offline: each is given the whole record, and one lead of it.

All have their default parameters. What a detector marks may lie beside R (`gqrs` marks the onset,
`pan_tompkins` the top of its integral), so each is moved by one constant: the median distance of
its marks from the reference over the clean records of DS1, first lead. `edge-bench qrs --set ds1
--peers all` prints what is left of it.
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
    shift_ms: float
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


def _ecgdetectors(method: str, shift_ms: float) -> Peer:
    def find(module: Any, mv: Signal, fs: float) -> ArrayLike:
        return np.asarray(getattr(module.Detectors(fs), f"{method}_detector")(mv))

    return Peer("py-ecg-detectors", "ecgdetectors", find, shift_ms)


PEERS: Final = {
    "sleepecg": Peer("sleepecg", "sleepecg", lambda m, mv, fs: m.detect_heartbeats(mv, fs), 0.0),
    "xqrs": Peer(
        "wfdb", "wfdb.processing", lambda m, mv, fs: m.xqrs_detect(mv, fs, verbose=False), 0.0
    ),
    "gqrs": Peer("wfdb", "wfdb.processing", lambda m, mv, fs: m.gqrs_detect(mv, fs), -33.3),
    "neurokit2": Peer("neurokit2", "neurokit2", _neurokit2, 0.0),
    "pan_tompkins": _ecgdetectors("pan_tompkins", 47.2),
    "hamilton": _ecgdetectors("hamilton", 61.1),
    "two_average": _ecgdetectors("two_average", 72.2),
    "swt": _ecgdetectors("swt", 41.7),
}
"""By the name that `--peers` takes; the last three are py-ecg-detectors' after Elgendi, after Pan
& Tompkins, and after Kalidas & Tamil. Its other detectors fail with numpy 2 or do worse on DS1."""


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
    """A peer's marks moved to where the reference has its own."""
    return sample - round(PEERS[name].shift_ms * fs / 1000)


def _module(peer: Peer) -> Any:
    with warnings.catch_warnings(action="ignore"):
        return importlib.import_module(peer.module)
