"""The section of the report about what is made of several runs together."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.report.markup import Markup, table, tag
from pipelines.report.sections import nothing, section

Line = Mapping[str, Any]


def analyses_section(
    importance: Sequence[Line], left_out: Mapping[str, Sequence[str]], intervals: Sequence[Line]
) -> Markup:
    """Importance of audio and lyrics by genre, with the genres that are left out and why, and bootstrap intervals."""
    return section(
        "analyses",
        "Analyses",
        tag("h3", "Importance of audio and lyrics"),
        tag(
            "p",
            "What a model loses without audio or without lyrics, as a share of its average precision (Jiang 2024, Eq. "
            "5.8 and 5.9). ",
            tag("code", "report.modality_importance"),
            class_="source",
        ),
        importance_table([line for line in importance if line["level"] == "coarse"]),
        *(nothing(f"Left out, {reason}: {', '.join(genres)}.") for reason, genres in left_out.items()),
        tag("h3", "Intervals"),
        tag("p", "Ours, beyond the source.", class_="extra"),
        tag(
            "p",
            "95 % of the draws of the test tracks, with replacement, lie between the ends. ",
            tag("code", "report.bootstrap"),
            class_="source",
        ),
        intervals_table(intervals),
    )


def importance_table(lines: Sequence[Line]) -> Markup:
    """One row per coarse genre."""
    if not lines:
        return nothing("The models with both modalities, with audio and with lyrics alone are not all finished.")
    rows = [
        [
            line["genre"],
            percent(line["audio_importance"]),
            percent(line["lyrics_importance"]),
            "—" if line["importance_ratio"] is None else f"{line['importance_ratio']:.2f}",
            line["labels_averaged"],
        ]
        for line in sorted(lines, key=lambda line: line["genre"])
    ]
    return table(["Coarse genre", "Audio (%)", "Lyrics (%)", "Audio / lyrics", "Genres"], rows)


def intervals_table(lines: Sequence[Line]) -> Markup:
    """One row per setting, one column per metric."""
    if not lines:
        return nothing("Not computed; the job jiang2024_extra does.")
    metrics = sorted({line["metric"] for line in lines})
    cells = {(line["setting_id"], line["metric"]): line for line in lines}
    rows = [
        [name, *(interval(cells.get((name, metric))) for metric in metrics)]
        for name in sorted({line["setting_id"] for line in lines})
    ]
    return table(["Setting", *(f"{metric} (%)" for metric in metrics)], rows)


def interval(line: Line | None) -> str:
    """`33.48 (32.90 to 34.02)`."""
    if line is None or line["value"] is None:
        return "—"
    return f"{percent(line['value'])} ({percent(line['low'])} to {percent(line['high'])})"


def percent(value: float | None) -> str:
    """A share in percent."""
    return "—" if value is None else f"{value * 100:.2f}"
