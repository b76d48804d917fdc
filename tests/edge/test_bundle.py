import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from edge.bundle import FIGURES, MAX_BYTES, Bundle, Manifest, figures
from edge.errors import BundleError
from tests.quantize.synthetic import write


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pristine")
    write(path)
    return path


@pytest.fixture
def folder(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "bundle"))


def refused(path: Path | str) -> str:
    """The one sentence that a bundle is refused with."""
    with pytest.raises(BundleError) as caught:
        Bundle.load(path)
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "manifest.json"
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def test_what_was_written_is_read(folder: Path) -> None:
    bundle = Bundle.load(folder)
    assert Bundle.load(str(folder)).manifest == bundle.manifest
    assert Manifest.from_json(bundle.manifest.to_json().encode()) == bundle.manifest
    assert bundle.files["model.tflite"] == (folder / "model.tflite").read_bytes()


def test_a_bundle_of_the_format_before(folder: Path) -> None:
    now = Bundle.load(folder).manifest
    edit(folder, lambda data: data.update(format=1, figures={"made": {"F1": 0.5}}))
    assert Bundle.load(folder).manifest == now


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1}', '{"a": {"b\\nc": 1}}', '{"a": NaN}'])
def test_damaged_figures_harm_no_board(folder: Path, text: str) -> None:
    (folder / FIGURES).write_text(text)
    Bundle.load(folder)
    with pytest.raises(BundleError, match=FIGURES):
        figures(folder)
    (folder / FIGURES).unlink()
    assert figures(folder) == {}


@pytest.mark.parametrize("name", ["no-such-bundle", "../student", "/nowhere/at/all", "a\0b"])
def test_a_bundle_that_is_not_there(name: str) -> None:
    assert "There is no bundle" in refused(name)


@pytest.mark.parametrize("name", ["manifest.json", "model.tflite", "model.onnx"])
def test_a_file_that_is_not_there(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"has no file {name}" in refused(folder)
    (folder / name).mkdir()
    assert f"has no file {name}" in refused(folder)
    (folder / name).rmdir()
    os.mkfifo(folder / name)  # reading it would wait for ever
    assert f"has no file {name}" in refused(folder)


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx", "model_float.onnx"])
def test_a_file_that_was_changed(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    assert f"{name} of the bundle" in refused(folder)
    (folder / name).write_bytes(content[:-1])
    assert "SHA-256" in refused(folder)


def test_a_file_that_is_far_too_large(folder: Path) -> None:
    with (folder / "model.onnx").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert "larger than" in refused(folder)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": 1, "format": 1}',
        b'{"format": NaN}',
        b'{"format": 1' + b"0" * 5000 + b"}",
    ],
)
def test_a_manifest_that_is_no_json(folder: Path, text: bytes) -> None:
    (folder / "manifest.json").write_bytes(text)
    assert "not valid JSON" in refused(folder)


@pytest.mark.parametrize("version", [0, 3, "1", None, 1.5, [1], "x" * 10_000])
def test_another_format_version(folder: Path, version: object) -> None:
    edit(folder, lambda data: data.update(format=version))
    text = refused(folder)
    assert "reads format 2" in text
    assert len(text) < 200


@pytest.mark.parametrize("name", ["../model.tflite", "/etc/passwd", "extra.bin"])
def test_a_manifest_names_no_other_files(folder: Path, name: str) -> None:
    edit(folder, lambda data: data["files"].update({name: data["files"]["model.tflite"]}))
    assert "files must be model.onnx, model.tflite, model_float.onnx" in refused(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("classes"), "exactly the fields"),
        (lambda d: d.update(more=1), "exactly the fields"),
        (lambda d: d.update(classes=[]), "classes must be"),
        (lambda d: d.update(classes=["N", "N"]), "classes must be"),
        (lambda d: d.update(classes="NSVF"), "classes must be a list"),
        (lambda d: d["input"].update(samples=128.0), "samples must be an integer"),
        (lambda d: d["input"].update(samples=True), "samples must be an integer"),
        (lambda d: d["input"].update(samples=10**9), "1 to 65536 values"),
        (lambda d: d["input"].update(before_r=128), "before_r"),
        (lambda d: d["input"].update(before_r=-1), "before_r"),
        (lambda d: d["input"].update(fs_hz="125"), "fs_hz must be a finite number"),
        (lambda d: d["input"].update(fs_hz=10**400), "fs_hz must be a finite number"),
        (lambda d: d["input"].update(fs_hz=0), "fs_hz must be positive"),
        (lambda d: d["input"].update(context=[1]), "context[0] must be a string"),
        (lambda d: d["input"].update(context=[]), "context must name"),
        (lambda d: d["input"]["context_mean"].append(0), "context_mean must fit"),
        (lambda d: d["input"]["context_std"].pop(), "context_std must fit"),
        (lambda d: d["input"]["context_std"].__setitem__(0, 0), "scales and context_std"),
        (lambda d: d["input"]["ecg_quantization"].update(scale=0), "scales and"),
        (lambda d: d["input"]["ecg_quantization"].update(scale=1e-300), "scales and"),
        (lambda d: d["input"]["ecg_quantization"].update(zero_point=128), "zero_point"),
        (lambda d: d["thresholds"].update(unknown_below="0.5"), "finite number"),
        (lambda d: d["thresholds"].update({"a\nb": None}), r"thresholds['a\nb'] must be a finite"),
        (lambda d: d["thresholds"].update(temperature=0), "temperature must be"),
        (lambda d: d["thresholds"].update(temperature=-1.5), "temperature must be"),
        (lambda d: d["files"]["model.onnx"].update(sha256=1), "sha256 must be a string"),
    ],
)
def test_a_field_that_is_wrong(
    folder: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    edit(folder, change)
    assert words in refused(folder)


SOME_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_change_is_read_or_refused_but_never_breaks(folder: Path, data: st.DataObject) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    place = manifest
    while True:
        key = data.draw(
            st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
        )
        if not place[key] or not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(SOME_JSON)
    try:
        Manifest.from_json(json.dumps(manifest).encode())
    except BundleError as error:
        assert "\n" not in str(error)  # noqa: PT017
