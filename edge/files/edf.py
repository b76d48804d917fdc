"""EDF, EDF+ and BDF files, as `edfio` reads them."""

import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge.errors import RecordError
from edge.files import PIECE_S, Channel, damaged

_APART: Final = ("EDF+D", "BDF+D")


class Edf:
    """An open file; its samples stay on the disk, but for BDF, which `edfio` reads whole."""

    def __init__(self, path: Path) -> None:
        """RecordError where it is missing or damaged, or its parts lie apart in time."""
        try:
            import edfio
        except ImportError:
            raise RecordError(
                "reading EDF needs edfio: install it with `pip install 'edge-ecg[replay]'`"
            ) from None
        self.name, self._path = path.stem, path
        read: Any = edfio.read_bdf if path.suffix.casefold() == ".bdf" else edfio.read_edf
        try:
            with warnings.catch_warnings():  # of a last record that is torn, which is left out
                warnings.simplefilter("ignore")
                self._edf = read(path, header_encoding="latin-1")
                apart = self._edf.reserved in _APART
                self._signals = list(self._edf.signals)
                self._record_s = float(self._edf.data_record_duration)
                self._records = int(self._edf.num_data_records)
                self.channels = [
                    Channel(s.label, s.physical_dimension, round(float(s.sampling_frequency), 3))
                    for s in self._signals
                ]
        except FileNotFoundError:
            raise RecordError(f"no file {path}") from None
        except Exception as error:  # a damaged file surfaces as almost any
            raise damaged(path, error) from None
        if not 0 < self._record_s < math.inf:
            raise damaged(path, f"its records last {self._record_s} s")
        if apart:
            raise RecordError(f"{path.name} is of parts that lie apart in time, which is not read")
        if not self._signals:
            raise RecordError(f"{path.name} has no signal")
        if self._records < 1:
            raise RecordError(f"{path.name} holds no samples")

    def pieces(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """As `File.pieces`."""
        size = max(1, round(PIECE_S / self._record_s))
        for start in range(0, self._records, size):
            end = min(start + size, self._records)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    parts = [
                        self._signals[i].get_data_slice(
                            start * self._record_s, end * self._record_s
                        )
                        for i in columns
                    ]
                piece = np.stack(parts, axis=1)
            except Exception as error:
                raise damaged(self._path, error) from None
            yield piece
