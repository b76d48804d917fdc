"""The board's frame and its traps."""

import struct

import pytest

from firmware_bridge import decoders
from firmware_bridge.block import LeadState


def frame(ecg: int, status: int = 0) -> bytes:
    vitals = struct.pack("<hiihBBBBBB", 5, 100_000, 90_000, 3712, 15, 98, 72, 80, 120, status)
    return bytes.fromhex("0afa140002") + struct.pack("<h", ecg) + vitals + b"\x00\x0b"


def test_frame() -> None:
    assert len(frame(0)) == 27
    (block,) = decoders.decoder("healthypi4").feed(frame(0) + frame(162) + frame(-162))
    assert (block.fs, block.leads) == (125, ("ECG",))
    assert block.mv[:, 0].tolist() == pytest.approx([0, 0.99695, -0.99695], abs=1e-4)


def test_lead_off_is_unknown_until_a_bit_was_seen() -> None:
    """Since the firmware leaves the comparators off, zeros mean nothing yet."""
    decoder = decoders.decoder("healthypi4")
    blocks = decoder.feed(frame(1) + frame(2) + frame(0, 0x1F) + frame(3))
    states = [(len(b), *b.lead_state) for b in blocks]
    assert states == [(2, LeadState.UNKNOWN), (1, LeadState.OFF), (1, LeadState.ON)]
    (block,) = decoder.feed(frame(4, 0x20))  # not one of the electrodes' bits
    assert block.lead_state == (LeadState.ON,)
