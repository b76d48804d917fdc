"""Which protocol bytes are in, told by who understands them."""

from typing import NamedTuple

from firmware_bridge.block import LeadState
from firmware_bridge.decoders.registry import PROTOCOLS, decoder

_BITS = {
    "edge": 24,
    "ads1292r": 56,
    "ads1293": 80,
    "max30001": 96,
    "max30003": 102,
    "max86150": 56,
    "healthypi4": 56,
    "healthypi5": 56,
    "healthypi6": 128,
    "daisy": 22,
    "cyton": 21,
    "ganglion": 2,
    "chords": 40,
    "spikershield": 6,
    "olimex": 72,
    "bitalino": 8,
    "ad8232": 16,
    "csv": 18,
}
"""What a frame has to get right, roughly: marks, counters, checksums, digits."""
_ENOUGH_BITS = 120
_ENOUGH_FRAMES = 5
_AGAINST_BITS = 24
_WEAK_BITS = 20
_NARROWER = {
    "max30003": {"ads1293", "max30001"},
    "max30001": {"ads1293"},
    "daisy": {"cyton"},
    "chords": {"ganglion", "spikershield"},
    "csv": {"ad8232"},
}
"""Frames of the one mostly pass for the others' as well, but never the other way round."""


class Guess(NamedTuple):
    """What bytes seem to be."""

    name: str
    """Of a protocol, a key of `PROTOCOLS`."""
    sure: bool
    """False: another fits as well, or there is too little yet."""
    why: str
    """One clause for people."""


class Prober:
    """Tells the protocol from bytes, by who understands them."""

    def __init__(self) -> None:
        self._decoders = {name: decoder(name, fs=1.0) for name in PROTOCOLS}  # rate not used
        self._flat = dict.fromkeys(PROTOCOLS, True)  # all samples so far are equal
        self._first: dict[str, bytes] = {}
        self._sends: dict[str, str] = {}  # what a protocol that is not always the same has in it

    def feed(self, data: bytes) -> Guess | None:
        """What all bytes so far seem to be; None where nothing known fits them.

        A protocol fits with three times as many good frames as damaged ones, or fewer where a frame
        has more than 24 bits to get right. Sure is (our choice) the only one that fits, after five
        frames that had 120 bits right, unless these are weakly marked and all the same; frames that
        tell of an electrode that is off are not.
        """
        for name, candidate in self._decoders.items():
            for block in candidate.feed(data):
                first = self._first.setdefault(name, block.mv[0].tobytes())
                alike = block.mv.tobytes() == first * len(block)
                self._flat[name] &= alike and LeadState.OFF not in block.lead_state
                self._sends[name] = f", {block.scaled}" if block.scaled else ""
                if PROTOCOLS[name].leads == "sent":
                    clock = "" if block.device_time_s is None else ", with a clock"
                    self._sends[name] += f", leads {', '.join(block.leads)}{clock}"
        counts = {name: candidate.counters for name, candidate in self._decoders.items()}
        fit = [
            name
            for name, c in counts.items()
            if c.good * max(_BITS[name], _AGAINST_BITS) > 3 * _AGAINST_BITS * c.damaged
        ]
        if not fit:
            return None
        best, *others = sorted(fit, key=lambda name: -counts[name].good * _BITS[name])
        good, damaged = counts[best].good, counts[best].damaged
        flat = self._flat[best]
        if not flat:
            others = [name for name in others if name not in _NARROWER.get(best, ())]
        if others:
            return Guess(best, False, f"{others[0]} fits as well")
        why = f"{good} good frames, {damaged} damaged"
        if good < _ENOUGH_FRAMES or good * _BITS[best] < _ENOUGH_BITS:
            return Guess(best, False, f"only {why}")
        if flat and _BITS[best] < _WEAK_BITS:
            return Guess(best, False, f"{why}, but all the same")
        if doubt := self._decoders[best].doubt:
            return Guess(best, False, f"{why}, but {doubt}")
        return Guess(best, True, why + self._sends.get(best, ""))


def probe(data: bytes) -> Guess | None:
    """What these bytes seem to be, or None where nothing known fits."""
    return Prober().feed(data)
