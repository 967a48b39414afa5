"""The asset graph as a snapshot: a renamed asset or a lost dependency is a visible change of graph.json.

After a wanted change: `python -m tests.unit.test_graph` writes the new snapshot.
"""

import json
from pathlib import Path

from pipelines.definitions import DATA_GROUPS, EXTRAS, PLANTED, REPORT_GROUPS, WORKS, defs

SNAPSHOT = Path(__file__).parent / "graph.json"


def graph() -> dict[str, dict[str, object]]:
    nodes = defs.resolve_asset_graph().asset_nodes
    return {
        node.key.to_user_string(): {
            "group": node.group_name,
            "deps": sorted(key.to_user_string() for key in node.parent_keys),
            "pools": sorted(node.pools or ()),
        }
        for node in sorted(nodes, key=lambda node: node.key.to_user_string())
    }


def test_the_graph_is_the_one_on_record() -> None:
    assert graph() == json.loads(SNAPSHOT.read_text()), "run `python -m tests.unit.test_graph` if the change is meant"


def test_every_asset_has_description_group_owner_and_kind() -> None:
    groups = {*DATA_GROUPS, "training", *REPORT_GROUPS, PLANTED}
    bare = [
        node.key.to_user_string()
        for node in defs.resolve_asset_graph().asset_nodes
        if not (node.description and node.owners and node.group_name in groups)
    ]
    assert bare == []


def test_full_repro_holds_every_printed_row_and_the_extra_jobs_the_rest() -> None:
    keys = set(graph())
    selected = {
        name: {key.to_user_string() for key in defs.resolve_job_def(name).asset_layer.executable_asset_keys}
        for name in ("full_repro", "data", *WORKS, "report", *EXTRAS, PLANTED)
    }
    assert all(part and part <= keys for part in selected.values())
    planted = selected.pop(PLANTED)
    assert planted == {"planted/corpora", "planted/runs", "planted/page"}
    assert not any(planted & part for part in selected.values())
    extra = keys - planted - selected["full_repro"]
    assert extra <= set().union(*(selected[name] for name in EXTRAS))
    assert "report/bootstrap" in extra & selected["jiang2024_extra"]
    assert {"pretrain/jiang2024_mae", "finetune/jiang2024_mae_artist_disjoint"} <= selected["jiang2024_extra"]
    assert "finetune/jiang2024_bert" not in selected["jiang2024_extra"]
    assert all(not extra & selected[name] for name in ("data", *WORKS, "report"))
    assert all({"training/small_runs", "report/results", "catalogue"} <= selected[name] for name in (*WORKS, *EXTRAS))
    assert all({"training/inputs", "run/planned"} <= part for part in selected.values())
    assert "finetune/jiang2024_alnet" in selected["jiang2024"] - selected["ru2023"]


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(graph(), indent=1) + "\n")
