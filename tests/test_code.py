"""The code is formatted, linted and typed: `pytest` is the one command for every check."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "command",
    [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)],
    ids=" ".join,
)
def test_the_code_passes(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_modules_and_functions_have_bounds() -> None:
    """A longer function says why at its `def`, in a comment `# long: ...`."""
    too_long = []
    for path in sorted((ROOT / "feeds").rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        name = str(path.relative_to(ROOT))
        if len(lines) > 400:
            too_long.append(f"{name}: {len(lines)} lines; 400 are enough")
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > 60 and "# long: " not in lines[node.lineno - 1]:
                    too_long.append(f"{name}:{node.lineno}: {node.name} has {length} lines, not 60")
    assert too_long == []


def test_the_root_has_few_modules() -> None:
    entries = [path for path in (ROOT / "feeds").iterdir() if path.name != "__pycache__"]
    beside_rooms = [path.name for path in entries if not (path / "__init__.py").exists()]
    assert len(beside_rooms) <= 12, beside_rooms


def test_rooms_import_one_way() -> None:
    """The contracts are in pyproject.toml; docs/architecture.md gives their reasons."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout
