"""A bundle's page says what its manifest says."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import benchmarks.beats.adaptation
import edge
from benchmarks.beats.page import card
from benchmarks.cli import main
from edge.bundle import DEFAULT_BUNDLE, FIGURES, Bundle, figures

SHIPPED = Path(edge.__file__).parent / "bundles"
PAGES = Path(__file__).parents[2] / "docs" / "bundles"


@pytest.mark.parametrize("name", sorted(path.name for path in SHIPPED.iterdir()))
def test_the_page_of_a_shipped_bundle_is_of_its_manifest(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert page == card(Bundle.load(name).manifest, figures(name)), "run edge-bench page"
    for picture in re.findall(r"!\[.*\]\((.*)\)", page):
        assert (PAGES / picture).is_file(), picture


def test_what_is_not_measured_is_said_so() -> None:
    page = card(Bundle.load().manifest, {})
    assert page.count("Not measured.") == 2
    assert "no medical device" in page
    for file in Bundle.load().manifest.files.values():
        assert file.sha256 in page


def test_a_page_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["page", "--out", str(tmp_path / "file")]) == 8
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.slow
def test_everything_that_is_kept_comes_on_the_page(
    long_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmarks.beats.adaptation, "PERIODS_S", (10,))
    folder = tmp_path / "bundle"
    shutil.copytree(SHIPPED / DEFAULT_BUNDLE, folder)
    manifest = replace(Bundle.load(folder).manifest, name="../made")
    (folder / FIGURES).unlink()
    (folder / "manifest.json").write_text(manifest.to_json())
    common = ["--data", str(long_data), "--set", "100", "--lead", "0"]
    for command in ("score", "score --noise ma --snr 6", "int8", "calibration", "delay"):
        kept = [*command.split(), *common, "--model", str(folder), "--keep", "made"]
        assert main(kept) == 0
    out = tmp_path / "docs"
    assert main(["page", "--model", str(folder), "--out", str(out)]) == 0
    page = (out / "made.md").read_text()
    assert page.count("Not measured.") == 2  # adaptation, and what edge-quantize measures
    assert main(["adaptation", *common, "--model", str(folder), "--keep", "made"]) == 0
    assert main(["page", "--model", str(folder), "--out", str(out)]) == 0
    page = (out / "made.md").read_text()
    assert page.count("Not measured.") == 1
    pictures = re.findall(r"!\[.*\]\((.*)\)", page)
    assert sorted(pictures) == sorted(p.name for p in out.glob("*.png"))
    assert len(pictures) == 4
    assert re.search(r"^100 +\d+ ", page, re.MULTILINE)  # the record's row
    assert "F1, bxb, from 300 s" in page
    for command in re.findall(r"^edge-bench (.*)$", page, re.MULTILINE):
        if "page" not in command:
            assert "--set 100 " in command
    assert set(tmp_path.iterdir()) == {folder, out}
