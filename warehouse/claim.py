"""Marks a store, when it is first used, as that of one kind of data and one profile."""

import json
from typing import Any

from warehouse.store import FORMAT_VERSION, Store, StoreError, replacing

MARKER = "store.json"


def claim(store: Store, data_kind: str, profile: str) -> None:
    """Mark the store as that of one kind of data and one profile.

    A store of an earlier version, which did not write the profile down, has that of the runs in `run.runs`; without
    runs it takes the one given.

    Args:
        store: The store; its folder is made.
        data_kind: `sample` or `real`.
        profile: Name of the settings that its runs are made with.

    Raises:
        StoreError: if it holds the other kind of data or another profile, or was written by another format version.
    """
    wanted = {"data_kind": data_kind, "format_version": FORMAT_VERSION, "profile": profile}
    if not (store.root / MARKER).exists():
        _write(store, wanted)
    require_claim(store, data_kind, profile)
    if "profile" not in _read(store):
        _write(store, wanted)


def require_claim(store: Store, data_kind: str, profile: str) -> None:
    """Refuse a store that belongs to others; a folder without a store belongs to nobody. Nothing is written.

    Raises:
        StoreError: as `claim`.
    """
    if not (store.root / MARKER).exists():
        return
    found = _read(store)
    _require_format(store, found)
    held = {"data_kind": found.get("data_kind"), "profile": found.get("profile") or _profile_of_runs(store) or profile}
    if held != {"data_kind": data_kind, "profile": profile}:
        raise StoreError(_refusal(store, held, data_kind, profile))


def _read(store: Store) -> dict[str, Any]:
    path = store.root / MARKER
    try:
        found: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"{path}: expected an object with data_kind and profile, found no such JSON ({error}). If the store is "
            "that of this configuration, delete the file; it is then written anew."
        ) from error
    return found


def _write(store: Store, content: dict[str, Any]) -> None:
    with replacing(store.root / MARKER) as temporary:
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")


def _require_format(store: Store, found: dict[str, Any]) -> None:
    if found.get("format_version") != FORMAT_VERSION:
        raise StoreError(
            f"{store.root} was written with store format {found.get('format_version')}; this code writes "
            f"{FORMAT_VERSION}. Set MGC_STORE to an empty folder, or delete the old store."
        )


def _profile_of_runs(store: Store) -> str | None:
    """The one profile of the finished runs, also of an earlier contract; None without runs, or unread ones."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - for stores of earlier versions alone; the check before Dagster is quick

    from warehouse.checksum import ERRORS_OF_A_BROKEN_FILE  # noqa: PLC0415
    from warehouse.tables import table_files  # noqa: PLC0415

    try:
        tables = [pq.read_table(path, columns=["profile"]) for path in table_files(store, "run.runs")]
    except ERRORS_OF_A_BROKEN_FILE:
        return None
    profiles = {profile for table in tables for profile in table["profile"].to_pylist()}
    return profiles.pop() if len(profiles) == 1 else None


def _refusal(store: Store, held: dict[str, Any], data_kind: str, profile: str) -> str:
    other = f"{store.root}-{data_kind if held['data_kind'] != data_kind else profile}"
    return (
        f"{store.root} holds results of profile {held['profile']} on {held['data_kind']} data, and this configuration "
        f"is for profile {profile} on {data_kind} data (MGC_PROFILE, and whether a dataset variable is set); the two "
        f"never share a store. Nothing was changed. For a new store: "
        f"MGC_STORE={other} MGC_PROFILE={profile} dagster job execute -j full_repro"
    )
