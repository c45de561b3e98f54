"""No text reaches the screen but through `tui/text/cells.py`: a walk over the syntax trees of the screens' package.

What draws is known by name. A text given to it must be a constant, or have been cleaned in the same expression; lines
are cleaned when their spans are made, so making spans and drawing them is kept to two modules.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TUI = Path(__file__).parents[2] / "icm_tui" / "tui"
CELLS, DRAWING, THEME = "text/cells.py", "widgets/drawing.py", "text/theme.py"

# Only widgets that show nothing but what we give them, and how it must be given.
WIDGETS = {"Footer", "Input", "Static"}
# What makes something that can be drawn.
DRAWN = {"Segment", "Strip", "Content", "Text", "Style", "Markdown"}
# Text set as an attribute, or given by a keyword, that a widget shows.
SHOWN = {
    "border_title", "border_subtitle", "title", "sub_title", "placeholder", "tooltip", "value", "label", "content",
}  # fmt: skip
# Methods that show their first argument. What has such a method and shows nothing is named behind it.
SHOWING: dict[str, set[str]] = {
    "update": {"self._panes.table", "self._log_rows", "table", "words"},
    "notify": set(),
    "write": {"sys.stdout", "file", "beside"},
    "write_line": set(),
    "set_content": set(),
    "add_option": set(),
    "from_markup": set(),
    "from_ansi": set(),
    "panic": set(),
    "print": set(),
    "bell": set(),
}
# Names bound to what a person has just typed at this keyboard, and to words of our own tables.
OWN = {"self._typed", "action.name"}


def offences(source: str, name: str) -> Iterator[str]:
    """What in a module of the package draws a text in a way of its own."""
    for node in ast.walk(ast.parse(source)):
        where = f"{name}:{getattr(node, 'lineno', 0)}: "
        for told in _of(node, name):
            yield where + told


def _of(node: ast.AST, name: str) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and name != DRAWING:
        yield from _imports(node, name)
    elif isinstance(node, ast.Import):
        yield from (
            f"imports {alias.name}" for alias in node.names if alias.name.partition(".")[0] in ("rich", "curses")
        )
    elif isinstance(node, ast.Call):
        yield from _calls(node, name)
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            shown = isinstance(target, ast.Attribute) and target.attr in SHOWN
            if shown and node.value is not None and not _is_clean(node.value):
                yield f"sets {ast.unparse(target)} to {ast.unparse(node.value)}"
    elif isinstance(node, ast.FunctionDef) and node.name in ("render", "render_line", "render_lines", "render_str"):
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and inner.value is not None and not _is_drawn(inner.value):
                yield f"{node.name} returns {ast.unparse(inner.value)}"


def _imports(node: ast.ImportFrom, name: str) -> Iterator[str]:
    module = node.module or ""
    names = {alias.name for alias in node.names}
    if module == "textual.widgets":
        yield from (f"uses the widget {widget}" for widget in sorted(names - WIDGETS))
    elif (
        module.partition(".")[0] == "rich"
        and (name, module)
        not in (
            (CELLS, "rich.cells"),
            (THEME, "rich.style"),
        )
    ) or module in ("textual.content", "textual.markup"):
        yield f"imports from {module}"


def _calls(node: ast.Call, name: str) -> Iterator[str]:
    called, owner = _name(node.func)
    told = ast.unparse(node)[:120]
    if called in DRAWN | {"from_markup"} or owner in DRAWN:
        if name not in (DRAWING, THEME):
            yield f"makes {told}"
    elif called == "Span" and name != CELLS:
        if not (node.args and _is_constant(node.args[0])):
            yield f"makes a span without cleaning its text: {told}"
    elif called == "_replace" and any(keyword.arg == "text" for keyword in node.keywords):
        if name != "run/view.py":  # its texts are of explanations, not yet of spans
            yield f"changes the text of a span: {told}"
    elif called in WIDGETS or called in SHOWING:
        if owner in SHOWING.get(called, set()):
            return
        given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg in SHOWN | {"message"})]
        yield from (f"shows {ast.unparse(value)[:80]} in {told}" for value in given if not _is_clean(value))
        if called in ("Static", "notify") and not any(
            keyword.arg == "markup" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            for keyword in node.keywords
        ):
            yield f"reads markup: {told}"
    if any(keyword.arg == "markup" and ast.unparse(keyword.value) != "False" for keyword in node.keywords):
        yield f"reads markup: {told}"


def _name(called: ast.expr) -> tuple[str, str]:
    """What is called, and on what."""
    if isinstance(called, ast.Attribute):
        return called.attr, ast.unparse(called.value)
    return (called.id, "") if isinstance(called, ast.Name) else ("", "")


def _is_constant(value: ast.expr) -> bool:
    """Whether an expression is made of constants alone; a number of times is not a text."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
        return isinstance(value.left, ast.Constant) or isinstance(value.right, ast.Constant)
    if isinstance(value, ast.IfExp):
        return _is_constant(value.body) and _is_constant(value.orelse)
    return isinstance(value, ast.Constant)


def _is_clean(value: ast.expr) -> bool:
    """Whether a text is one of our own, or was cleaned by `span`."""
    if _is_constant(value) or ast.unparse(value) in OWN:
        return True
    if isinstance(value, ast.IfExp):
        return _is_clean(value.body) and _is_clean(value.orelse)
    if isinstance(value, ast.JoinedStr):
        return all(_is_clean(part.value) if isinstance(part, ast.FormattedValue) else True for part in value.values)
    if isinstance(value, ast.Attribute) and value.attr == "text":
        return isinstance(value.value, ast.Call) and _name(value.value.func)[0] == "span"
    return False


def _is_drawn(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and _name(value.func) == ("strip", "")


def _modules() -> list[str]:
    return sorted(path.relative_to(TUI).as_posix() for path in TUI.rglob("*.py"))


def test_the_whole_package_is_walked() -> None:
    modules = _modules()
    assert {CELLS, DRAWING, "app.py"} <= set(modules)
    assert len(modules) > 10


@pytest.mark.parametrize("name", _modules())
def test_no_text_goes_around_the_cleaning(name: str) -> None:
    assert list(offences((TUI / name).read_text("utf-8"), name)) == []


@pytest.mark.parametrize(
    "planted",
    [
        "Static(text)",
        "Static(text, markup=False)",
        "Static('a constant')",
        "Static(content(lines))",
        "Static(f'{name}', markup=False)",
        "self.app.notify(str(error), markup=False)",
        "self.notify(span(text).text)",
        "self.notify(span(text).text, markup=True)",
        "self.notify('fine', title=error, markup=False)",
        "view.update(text)",
        "view.update(f'{span(name).text} {text}')",
        "self.query_one(Static).update(text)",
        "Span(text)",
        "Span(text.strip(), 'dim')",
        "Span()",
        "cells.Span(text, 'dim')",
        "part._replace(text=text)",
        "Segment(text)",
        "Strip([Segment(span(text).text)])",
        "Strip.blank(3)",
        "Content(text)",
        "Content.from_markup(text)",
        "Text.from_ansi(text)",
        "widget.border_title = name",
        "self.title = run.name",
        "self.sub_title = f'run {name}'",
        "entry.placeholder = text",
        "entry.value = text",
        "entry.tooltip = text",
        "Input(text)",
        "Input(placeholder=text)",
        "Input(value=text)",
        "driver.write(text)",
        "self.app._driver.write(text)",
        "log.write_line(text)",
        "from textual.widgets import Label",
        "from textual.widgets import DataTable, Footer",
        "from rich.text import Text",
        "import rich.console",
        "from textual.content import Content",
        "class W:\n def render(self):\n  return self.text",
        "class W:\n def render_line(self, y):\n  return Strip([])",
    ],
)
def test_a_planted_offence_is_found(planted: str) -> None:
    assert list(offences(planted, "screens/planted.py"))


@pytest.mark.parametrize(
    "fair",
    [
        "Static('a constant', markup=False)",
        "self.notify(span(text).text, markup=False)",
        "line(span(text), ' · ', span(name, 'dim'))",
        "Span(' ' * room)",
        "Span(' ', 'dim')",
        "widget.border_title = 'profile'",
        "Input(span(text).text, placeholder='a text')",
        "entry.value = span(text).text if text else ''",
        "from textual.widgets import Footer, Input",
        "table.update(view)",
        "sys.stdout.write(document())",
        "class W:\n def render_line(self, y):\n  return strip(line, 3)",
    ],
)
def test_what_is_cleaned_is_no_offence(fair: str) -> None:
    assert list(offences(fair, "screens/fair.py")) == []
