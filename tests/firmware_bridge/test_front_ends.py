"""The page on front ends says what the registry says."""

from pathlib import Path

import pytest

from firmware_bridge.decoders import PROTOCOLS, FrontEnd

PAGE = (Path(__file__).parents[2] / "docs" / "front-ends.md").read_text(encoding="utf-8")


def row(name: str, board: FrontEnd) -> str:
    """The board's line of the page's table."""
    rate = board.fs if isinstance(board.fs, str) else f"{board.fs:g} Hz"
    leads = board.leads if isinstance(board.leads, str) else ", ".join(board.leads)
    commands = board.commands
    told = {"asks": commands.identify, "starts": commands.start, "stops": commands.stop}
    cells = [
        f"`{name}`",
        board.board,
        ", ".join(map(str, board.bauds)),
        leads,
        rate,
        board.scale,
        "yes" if board.sequence else "no",
        "yes" if board.checksum else "no",
        board.lead_off,
        ", ".join(f"{word} `{ascii(c)[2:-1]}`" for word, c in told.items() if c) or "none",
    ]
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_every_row_is_the_registrys(name: str) -> None:
    assert row(name, PROTOCOLS[name]) in PAGE.splitlines()


def test_no_row_is_left_over() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) == len(PROTOCOLS)
