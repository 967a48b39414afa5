from pathlib import Path

import pytest

from warehouse.contract import SCHEMAS, ContractError, arrow_schema, find_table, load_contract, read_contract
from warehouse.dictionary import data_dictionary

COLUMNS = '[a]\ntype = "string"\nmeaning = "A."\n'
TABLE = '[t]\ndescription = "T."\nrow = "one t"\ncolumns = ["a"]\n'


def contract_of(folder, columns=COLUMNS, table=TABLE):
    for schema in SCHEMAS:
        (folder / f"{schema}.toml").write_text("")
    (folder / "columns.toml").write_text(columns)
    (folder / "core.toml").write_text(table)
    return read_contract(folder)


def test_every_schema_has_tables_and_arrow_schemas_carry_the_meaning():
    assert {name.partition(".")[0] for name in load_contract()} == set(SCHEMAS)
    schema = arrow_schema("core.tracks")
    assert schema.metadata[b"key"] == b"dataset, track_id"
    assert schema.metadata[b"mgc.format_version"] == b"1"
    assert schema.field("catalogue_duration_s").metadata[b"unit"] == b"s"
    assert b"duration_ms" in schema.field("catalogue_duration_s").metadata[b"source"]
    assert not schema.field("track_id").nullable
    assert schema.field("release_year").nullable


@pytest.mark.parametrize(
    ("columns", "table", "says"),
    [
        (COLUMNS, TABLE.replace('["a"]', '["a", "b"]'), "unknown column 'b'"),
        (COLUMNS.replace("string", "text"), TABLE, "a.type: expected one of string, "),
        (
            COLUMNS + 'untis = "s"\n',
            TABLE,
            "a.untis: expected one of meaning, source, type, unit, found an unknown key",
        ),
        (COLUMNS, TABLE + 'keys = ["a"]\n', "t.keys: expected one of columns, description, job, key, "),
        (COLUMNS, TABLE + 'key = ["b"]\n', "t.key: expected some of its columns a, found 'b'"),
        (COLUMNS, TABLE + 'key = ["a"]\nnullable = ["a"]\n', "t.nullable: expected no column of the key, found 'a'"),
        (COLUMNS, TABLE.replace('["a"]', '["a", "a"]'), "t.columns: expected each column once, found 'a'"),
        (
            COLUMNS,
            TABLE.replace('description = "T."\n', ""),
            "t.description: expected a value, found nothing (the key is missing)",
        ),
        (COLUMNS, TABLE + "large = 1\n", "t.large: expected true or false, found 1"),
        (COLUMNS, TABLE.replace("[t]", '["T; x"]'), "lower-case letters"),
        (COLUMNS, "[t\n", "is not TOML"),
    ],
)
def test_a_wrong_contract_stops_naming_file_and_mistake(tmp_path, columns, table, says):
    with pytest.raises(ContractError, match=r"\.toml") as caught:
        contract_of(tmp_path, columns, table)
    assert says in str(caught.value)


def test_an_unknown_table_is_answered_with_the_nearest():
    with pytest.raises(ContractError, match=r"Nearest: core\.tracks"):
        find_table("core.track")


def test_the_data_dictionary_is_current():
    page = Path(__file__).parents[3] / "docs" / "data_dictionary.md"
    assert page.read_text(encoding="utf-8") == data_dictionary(load_contract()), (
        "Run `python -m warehouse dictionary --output docs/data_dictionary.md`."
    )
