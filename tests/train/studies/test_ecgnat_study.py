"""The study of ECG-NAT: what it counts, and that all of it runs and learns on a small scale."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import data_dir
from train.commands.explain import explain
from train.models.ecgnat import STRIDE, TINY, EcgNatConfig
from train.studies.ecgnat.figures import exponent
from train.studies.ecgnat.jobs import multiply_adds, part_of, ptbxl, unlabelled
from train.studies.ecgnat.study import HOWS, SHARES, study, tables
from train.studies.harness import Study


@settings(max_examples=8, deadline=None)
@given(samples=st.integers(250, 4000), radius=st.none() | st.integers(2, 12))
def test_attention_costs_what_the_formula_says(samples: int, radius: int | None) -> None:
    config = replace(TINY, radius=radius)
    wanted = 0
    tokens = -(-samples // STRIDE)
    for width, depth in zip(config.widths, config.depths, strict=True):
        queries = -(-tokens // radius) * radius if radius else tokens
        keys = 3 * radius if radius else tokens
        wanted += 2 * depth * width * queries * keys  # queries by keys, weights by values
        tokens = -(-tokens // 2)
    whole, attention = multiply_adds(config, samples)
    assert attention == wanted
    assert whole > attention


def test_neighbourhoods_cost_in_proportion_to_length_and_full_attention_to_its_square() -> None:
    lengths = [3200, 6400, 12800, 25600]
    near = [multiply_adds(EcgNatConfig(), n)[1] for n in lengths]
    full = [multiply_adds(EcgNatConfig(radius=None), n)[1] for n in lengths]
    assert np.ptp(np.divide(near, lengths)) == 0
    assert np.ptp(np.divide(full, np.square(lengths))) == 0
    assert exponent(lengths, near) == pytest.approx(1)
    assert exponent(lengths, full) == pytest.approx(2)


def test_gains_are_of_the_same_seeds_share_by_share() -> None:
    s = Study(Path("data"), Path("runs/ecgnat"), seeds=2)
    scores = {
        f"{how} {share} {seed} {draw}": {"auc": 0.5 + 0.1 * i + share / 10, "accuracy": 0.5}
        for i, how in enumerate(("xresnet", "scratch", "gentle", "pretrained"))
        for share, draws in SHARES.items()
        for draw in range(draws)
        for seed in range(2)
    }
    scores |= {
        f"{how} published {i}": {"auc": 0.9, "accuracy": 0.8} for how in HOWS for i in (0, 1)
    }
    scores |= {f"levels {n} {i}": {"auc": 0.7, "accuracy": 0.6} for n in (1, 2) for i in (0, 1)}
    losses = {f"pretrain rotated {seed}": [0.75, 0.34] for seed in range(2)}
    flat = {name: [1.0] * 6 for name in ("seconds", "attention_s", "macs", "attention_macs")}
    rows: dict[str, list[str]] = {}
    text = tables(s, "all", scores, losses, {"neighbourhood": flat, "full": flat})
    for line in text.splitlines():
        name, *cells = line.strip("| ").split(" | ")
        rows.setdefault(name, cells)
    assert rows["ECG-NAT, from scratch"] == ["60.1 ± 0.0", "61.0 ± 0.0", "70.0 ± 0.0"]
    gain = rows["gain of pretraining over from scratch"]
    assert gain == ["20.0 ± 0.0", "20.0 ± 0.0", "20.0 ± 0.0"]
    assert rows["1"][-1] == "70.0 ± 0.0"


@pytest.mark.slow
@pytest.mark.usefixtures("one_process")
@pytest.mark.data_required("ptbxl", "cinc2021")
def test_everything_learns(tmp_path: Path, runs: Path) -> None:
    s = Study(data_dir(), runs / "ecgnat-study", seeds=1, tiny=True)
    text = study(s)

    done = json.loads((s.out / "results.json").read_text("utf-8"))
    losses = done["pretrain rotated 0"]
    assert losses[-1] < 0.9 * losses[0]
    for how in ("scratch", "pretrained", "contrast"):
        assert done[f"{how} 1.0 0 0"]["auc"] > 0.55
    assert "macro-AUC" in text
    assert (s.out / "report.md").read_text("utf-8") == text
    for name in ("ecgnat-reconstruction.png", "ecgnat-cost.png"):
        assert (s.out / name).read_bytes().startswith(b"\x89PNG")

    drawn = tmp_path / "explained.png"
    explain("ecgnat", s.out / "pretrained-rotated-0.safetensors", s.data, s.cache, None, drawn)
    assert drawn.read_bytes().startswith(b"\x89PNG")

    # Nothing that is tested on, and nothing of fold 9, is pretrained on.
    windows = ptbxl(s)
    rows = unlabelled(s, 0, False)[1]
    assert not np.intersect1d(rows, part_of(windows, 0, False).test).size
    assert not np.intersect1d(rows, windows.where([9])).size
    assert len(rows) == len(np.unique(rows)) > 250
