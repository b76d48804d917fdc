"""A command without its packages says what to install."""

import subprocess
import sys

from tests.edge.forked import CODE


def ended(command: str, *arguments: str, without: str = "") -> subprocess.CompletedProcess[str]:
    """`edge-COMMAND`, in a process that lacks a package."""
    code = (
        f"import sys; sys.modules[{without!r}] = None; sys.argv = {['edge', *arguments]!r}; "
        f"from {command} import main; sys.exit(main())"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=CODE, capture_output=True, text=True)


def test_a_missing_package_is_named_with_its_extra() -> None:
    end = ended("train", "finetune", "--model", "beatnet", without="torch")
    assert end.returncode == 7
    assert "torch" in end.stderr
    assert "pip install '.[train]'" in end.stderr
    assert end.stderr.count("\n") == 1


def test_a_command_that_is_all_there_runs() -> None:
    end = ended("benchmarks", "--help")
    assert end.returncode == 0
    assert "edge-bench" in end.stdout


def test_recordings_are_fetched_without_torch() -> None:
    end = ended("train", "fetch", "--help", without="torch")
    assert end.returncode == 0
    assert "mitdb" in end.stdout


def test_help_needs_no_torch_and_the_rest_says_so() -> None:
    end = ended("quantize", "--help", without="torch")
    assert end.returncode == 0
    assert "student.safetensors" in end.stdout
    end = ended("quantize", "x", "--out", "y", without="torch")
    assert end.returncode == 7
    assert "pip install '.[quantize]'" in end.stderr
