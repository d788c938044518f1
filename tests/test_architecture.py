"""What docs/architecture.md says of the rooms is what the code does."""

import re
from pathlib import Path
from typing import Final

import grimp

PROJECT: Final = Path(__file__).parent.parent
ROOT: Final = "root"
_ROW: Final = re.compile(r"^\| (?:`(\w+)`|(root)) \| .* \|(?: (.*))? \|$", re.MULTILINE)


def told() -> dict[str, set[str]]:
    """Which rooms the page says that each imports; `all` is every other one."""
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = {room or root: row for room, root, row in _ROW.findall(page)}
    return {
        room: rows.keys() - {room} if row == "all" else set(filter(None, row.split(", ")))
        for room, row in rows.items()
    }


def rooms() -> set[str]:
    return {path.parent.name for path in (PROJECT / "feeds").glob("*/__init__.py")}


def imported() -> dict[str, set[str]]:
    """Which rooms each imports."""
    graph = grimp.build_graph("feeds", include_external_packages=False, cache_dir=None)

    def room(module: str) -> str:
        second = module.split(".")[1] if "." in module else ROOT
        return second if second in rooms() else ROOT

    found: dict[str, set[str]] = {room(module): set() for module in graph.modules}
    for module in graph.modules - {"feeds", "feeds.__main__"}:  # the doors, which lead everywhere
        for other in graph.find_modules_directly_imported_by(module):
            found[room(module)].add(room(other))
    return {name: others - {name} for name, others in found.items()}


def test_the_page_names_every_room() -> None:
    assert told().keys() == rooms() | {ROOT}


def test_the_page_says_which_room_imports_which() -> None:
    page = told()
    page["cli"] &= imported()["cli"]  # it may import all
    assert page == imported()


def test_a_room_says_what_it_is_for() -> None:
    for room in rooms():
        docstring = (PROJECT / "feeds" / room / "__init__.py").read_text(encoding="utf-8")
        assert docstring.startswith('"""'), room
        assert docstring.count("\n") <= 8, f"{room} says it in five lines or so"
