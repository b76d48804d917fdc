"""NumPy's files with one array of samples, [n] or [n, leads]."""

import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from edge.arrays import ArrayReader, pieces
from edge.errors import RecordError
from edge.files import Channel, damaged

_MOST: Final = 256 << 20  # bytes of a file that is read whole
_ZIP: Final = b"PK"


class Array:
    """An open `.npy`, which stays on the disk, or `.npz`, which is read whole."""

    def __init__(self, path: Path, fs: float) -> None:
        """RecordError where it is missing or damaged, or holds no such array."""
        self.name = path.stem
        try:
            # Opened here: numpy leaves a damaged one open.
            with path.open("rb") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of old names of types
                zipped = file.read(2) == _ZIP
                file.seek(0)
                loaded = _member(path, file) if zipped else np.load(path, "r", allow_pickle=False)
        except RecordError:
            raise
        except ValueError as error:
            # Not numpy's words for what is pickled, which tell how to run it.
            told = "" if "ickle" in str(error) or "object" in str(error) else f" ({error})"
            raise RecordError(
                f"{path.name} is no array of numbers as numpy.save writes it{told}"
            ) from None
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
            if np.isinf(piece).any():
                raise RecordError(f"{self.name} has infinite samples: NaN stands for a lost one")
            yield piece[:, list(columns)]


def _member(path: Path, file: BinaryIO) -> NDArray[Any]:
    """The only array of samples in a `.npz`."""
    with zipfile.ZipFile(file) as parts:
        if sum(part.file_size for part in parts.infolist()) > _MOST:
            raise RecordError(
                f"{path.name} holds more than {_MOST >> 20} MB, and would be read whole: save it "
                "as .npy"
            )
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        held = [x for key in loaded.files if (x := loaded[key]).ndim in (1, 2)]
    if len(held) != 1:
        raise RecordError(f"{path.name} holds {len(held)} arrays of samples, not one")
    return np.asarray(held[0])
