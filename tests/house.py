"""Reads the package's source as syntax trees: its modules, who imports whom, and the types that it names."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "icm_tui"


def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text("utf-8"))
    return found


def imports(trees: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Which of `trees` each one imports, inside functions and under TYPE_CHECKING too."""
    return {name: set(_imported(tree, trees)) - {name} for name, tree in trees.items()}


def circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other by imports, each sorted (Tarjan's strongly connected components)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        path.append(name)
        for other in edges[name]:
            if other not in number:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in path:
                lowest[name] = min(lowest[name], number[other])
        if lowest[name] == number[name]:
            together = path[path.index(name) :]
            del path[path.index(name) :]
            if len(together) > 1:
                found.append(sorted(together))

    for name in edges:
        if name not in number:
            visit(name)
    return found


def aliases(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The type aliases that a module names, as (name, type): subscripted types, and unions of types."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and _is_type(node.value):
            (target,) = node.targets
            yield ast.unparse(target), ast.unparse(node.value)


def _is_type(value: ast.expr) -> bool:
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
        return _is_type(value.left) or _is_type(value.right)
    return isinstance(value, ast.Subscript) and ast.unparse(value.value).rpartition(".")[2] in {
        "tuple", "list", "dict", "Annotated", "Callable", "Literal", "Mapping", "NDArray", "Sequence",
    }  # fmt: skip


def _imported(tree: ast.Module, known: Mapping[str, ast.Module]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from (name for name in (whole if whole in known else node.module,) if name in known)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
