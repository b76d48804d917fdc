"""NumPy's files with one array of samples, [n] or [n, leads]."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.arrays import ArrayReader, pieces
from edge.errors import RecordError
from edge.files import Channel, damaged


class Array:
    """An open `.npy`, which stays on the disk, or `.npz`, which is read whole."""

    def __init__(self, path: Path, fs: float) -> None:
        """RecordError where it is missing or damaged, or holds no such array."""
        self.name = path.stem
        try:
            loaded = np.load(path, mmap_mode="r", allow_pickle=False)
            if isinstance(loaded, np.lib.npyio.NpzFile):
                with loaded:
                    held = [x for x in (loaded[key] for key in loaded.files) if x.ndim in (1, 2)]
                if len(held) != 1:
                    raise RecordError(f"{path.name} holds {len(held)} arrays of samples, not one")
                loaded = held[0]
        except RecordError:
            raise
        except FileNotFoundError:
            raise RecordError(f"no file {path}") from None
        except (Exception, zipfile.BadZipFile) as error:
            raise damaged(path, error) from None
        try:
            self._x = ArrayReader(fs, None).array(loaded)
        except ValueError as error:
            raise RecordError(f"{path.name} cannot be played: {error}") from None
        if not len(self._x):
            raise RecordError(f"{path.name} holds no samples")
        self.channels = [Channel(f"lead {i}", None, fs) for i in range(self._x.shape[1])]

    def pieces(self, columns: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        """As `File.pieces`."""
        for piece in pieces(self._x):
            yield piece[:, list(columns)]
