"""The seeded faults fit the code as it is; whether tests notice them, `python -m tests.faults` asks outside CI."""

import ast

import pytest

from tests.faults.catalogue import ROOT, Fault, load_faults

FAULTS = load_faults()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.group}: {fault.why}")
def test_a_fault_changes_one_place_into_valid_code(fault: Fault) -> None:
    before = (ROOT / fault.file).read_text()
    after = fault.applied(before)
    assert ast.dump(ast.parse(after)) != ast.dump(ast.parse(before))
    assert all((ROOT / test).is_file() for test in fault.tests)


def test_there_are_at_least_fifty() -> None:
    assert len(FAULTS) >= 50
    assert len({(fault.file, fault.find, fault.replace) for fault in FAULTS}) == len(FAULTS)
