"""Commands whose packages an extra brings."""

import importlib
import sys


def run(module: str, extra: str) -> int:
    """Runs `module.main()`; where a package is missing, says what to install and returns 7."""
    try:
        main = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        return missing(error, extra)
    code: int = main()
    return code


def missing(error: ModuleNotFoundError, extra: str) -> int:
    """Says what to install; returns 7, the exit code for it."""
    print(
        f"{error.name} is not installed, and this command needs it: "
        f"pip install '.[{extra}]' in the project's folder",
        file=sys.stderr,
    )
    return 7
