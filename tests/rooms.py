"""Which module of a package imports which other, and the rooms (folders) they stand in."""

import ast
from pathlib import Path
from types import ModuleType


def imports_within(package: ModuleType) -> dict[str, set[str]]:
    """Of each module of a package, by its dotted name, the package's modules that it imports."""
    root = Path(str(package.__file__)).parent
    modules = {
        ".".join(path.relative_to(root.parent).with_suffix("").parts): path
        for path in root.rglob("*.py")
        if path.name != "__init__.py"
    }
    return {module: imported(path) & modules.keys() for module, path in modules.items()}


def imported(path: Path) -> set[str]:
    """Every dotted name that a file may import: of modules, and of what it takes from them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
    return names


def room(module: str) -> str | None:
    """The one that a module stands in; None for what all share."""
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else None
