"""The table of faults (`FAULTS.md`) names a test for each fault, and each test that it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROWS = re.findall(r"^\| ([A-Z]\d) \| .* \| (\S+) \|$", (TESTS / "FAULTS.md").read_text("utf-8"), re.MULTILINE)
FAULTS = {"C": 8, "M": 5, "T": 6, "L": 5, "R": 4, "S": 4, "Y": 3}


@pytest.mark.parametrize("where", sorted({where for _, where in ROWS}))
def test_every_test_that_is_named_is_there(where: str) -> None:
    path, _, name = where.partition("::")
    source = ast.parse((TESTS.parent / path).read_text("utf-8"))
    tests = {node.name for node in source.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in tests or (not name and path.startswith("tests/bench/"))


def test_every_fault_has_a_test() -> None:
    assert {fault for fault, _ in ROWS} == {f"{kind}{n}" for kind, many in FAULTS.items() for n in range(1, many + 1)}
