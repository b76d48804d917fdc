"""Boards that start anew while they are read: what they print then is no count of samples."""

from collections.abc import Callable

import numpy as np
import pytest

from firmware_bridge.block import LeadState, SampleBlock, mv_from_nv
from firmware_bridge.decoders import PROTOCOLS, decoder

BOOT = (
    b"ets Jun  8 2016 00:22:57\r\n\r\n"
    b"rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
    b"configsip: 0, SPIWP:0xee\r\n"
    b"clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00\r\n"
    b"mode:DIO, clock div:1\r\nload:0x3fff0030,len:1184\r\nload:0x40078000,len:13232\r\n"
    b"entry 0x400805f0\r\n"
)
"""An ESP32's."""
LINE = b"BPM: 72\r\n"
"""What sketches print once a second."""


def encoded(name: str, n: int) -> bytes:
    rng = np.random.default_rng(2)
    row = PROTOCOLS[name]
    fs = row.fs if isinstance(row.fs, float) else 250.0
    mv = mv_from_nv(rng.integers(-(10**5), 10**5, (n, 1)))
    block = SampleBlock(0, mv, fs, ("ECG",), (LeadState.UNKNOWN,), (False,))
    return row.encoder().encode(block)


def fed(name: str, *data: bytes) -> list[SampleBlock]:
    reader = decoder(name, 250.0)
    return [block for part in data for block in reader.feed(part)]


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if name != "ganglion"])
@pytest.mark.parametrize("cut", [lambda data: data, lambda data: data[:-2]])
def test_a_boot_log_is_a_restart(name: str, cut: Callable[[bytes], bytes]) -> None:
    # Of BITalino the reader looks on for a counter that goes on.
    first = encoded(name, 500)
    blocks = fed(name, cut(first), BOOT, encoded(name, 500))
    restarts = [block for block in blocks if block.restart]
    assert len(restarts) == 1
    assert sum(map(len, blocks)) >= 950
    assert sum(block.lost for block in blocks) <= 256


@pytest.mark.parametrize("name", ["ads1292r", "max30003", "spikershield", "ad8232", "csv"])
def test_a_line_of_text_loses_nothing(name: str) -> None:
    first = encoded(name, 500)
    (before, *more) = fed(name, first, LINE, encoded(name, 500))
    after = SampleBlock(0, np.concatenate([b.mv for b in more]), 1.0, (), (), ())
    assert len(before) + len(after) >= 999
    assert not any(block.lost or block.restart for block in [before, *more])
