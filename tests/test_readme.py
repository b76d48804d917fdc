"""The README and the pages of docs say what the code does."""

import dataclasses
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

import benchmarks.cli
import quantize.cli
import train.cli
from edge import errors, events
from edge.bundle import DEFAULT_BUNDLE, Bundle
from edge.cli import emulate, export, options, run
from firmware_bridge.errors import BridgeError
from train.commands.student import DEFAULTS
from train.data.mitdb import DS1

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [page.read_text(encoding="utf-8") for page in sorted(ROOT.glob("docs/*.md"))]
_COMMAND = r"(edge-(?:run|emulate|export|train|quantize|bench)[^\n`]*)"
COMMANDS = re.findall(rf"(?:\.venv/bin/|`){_COMMAND}", README) + re.findall(
    rf"^(?:\.venv/bin/)?{_COMMAND}", "\n".join(PAGES), re.MULTILINE
)
PARSERS: dict[str, Callable[[list[str]], object]] = {
    "edge-run": options.parse,
    "edge-emulate": emulate._parse,
    "edge-export": export._parse,
    "edge-train": train.cli._parser().parse_args,
    "edge-quantize": quantize.cli._parser().parse_args,
    "edge-bench": benchmarks.cli._parser().parse_args,
}


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_every_command_is_understood(command: str) -> None:
    name, *arguments = shlex.split(command, comments=True)
    if not arguments:
        return  # the name alone, in running text
    PARSERS[name](arguments)


def test_the_shipped_bundle_is_what_the_commands_make_by_default() -> None:
    """As "Train your own" says: with which settings, from which records, as which version."""
    manifest = Bundle.load(DEFAULT_BUNDLE).manifest
    made = re.search(r"made by these commands with their defaults \(torch ([\d.]+),", README)
    version = re.search(r"as version (\d+) \(`--version`\)", README)
    assert made
    assert version
    assert manifest.version == version[1]
    training = manifest.training
    # Bundles made since then name their torch, and their teachers.
    assert str(training.config.get("torch", made[1])).startswith(made[1])
    defaults = json.loads(json.dumps(dataclasses.asdict(DEFAULTS)))
    assert {name: training.config.get(name) for name in defaults} == defaults
    assert set(training.config) - set(defaults) <= {"torch", "teachers"}
    assert training.split == f"records {', '.join(DS1)}"
    assert training.seed == defaults["seed"]


def test_every_event_and_its_fields_are_listed() -> None:
    for kind in events.Event.__subclasses__():
        row = re.search(rf"^\| `{kind.type}` \| (.*) \|$", README, re.MULTILINE)
        assert row, kind.type
        if kind.type != "stats":
            own = {field.name for field in dataclasses.fields(kind)} - {"sample", "t"}
            assert all(f"`{name}`" in row[1] for name in own), kind.type


def test_every_exit_code_is_listed() -> None:
    kinds: list[type[errors.EdgeError | BridgeError]] = [*errors.EdgeError.__subclasses__()]
    kinds += BridgeError.__subclasses__()
    ours = ("edge.errors", "firmware_bridge.errors")
    codes = {kind.exit_code for kind in kinds if kind.__module__ in ours}
    assert len(codes) == 7
    for code in codes | {0, 2, run.VANISHED}:
        assert re.search(rf"^\| {code} \| ", README, re.MULTILINE), code
