"""Turns the rounds into medians and ratios, one readable table for each section and one JSON file."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tests.load.trial import Run

OURS = "ours"
NOISY = 0.25


def throughput(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Medians for each subject, in the order of the rounds; `ours_is` is how many times faster ours is."""
    names = dict.fromkeys(run.subject for run in runs)
    rows = [_medians([run for run in runs if run.subject == name]) for name in names]
    best = next((row["per_second"] for row in rows if row["subject"].startswith(OURS)), None)
    for row in rows:
        row["ours_is"] = round(best / row["per_second"], 2) if best else None
    return rows


def _medians(runs: Sequence[Run]) -> dict[str, Any]:
    who = runs[0].cpu_us
    cpu = {name: None if who[name] is None else round(median(run.cpu_us[name] or 0 for run in runs)) for name in who}
    return {
        "subject": runs[0].subject,
        "per_second": round(median(run.per_second for run in runs)),
        "lowest": round(min(run.per_second for run in runs)),
        "highest": round(max(run.per_second for run in runs)),
        "cpu_us": cpu,
        "rss_mib": round(median(run.rss_mib for run in runs)),
        "rounds": len(runs),
        "others": max(run.others for run in runs),
        "notes": sorted({run.note for run in runs if run.note}),
    }


def throughput_table(rows: Iterable[dict[str, Any]]) -> str:
    head = ("", "events/s", "(range)", "ours is", "CPU µs/event: process", "broker", "PostgreSQL", "RSS MiB", "")
    body = [
        (
            row["subject"],
            f"{row['per_second']:,}",
            f"{row['lowest']:,}–{row['highest']:,}",
            "–" if row["ours_is"] is None else f"{row['ours_is']:.2f} ×",
            *("–" if value is None else f"{value:,}" for value in row["cpu_us"].values()),
            f"{row['rss_mib']:,}",
            "; ".join(row["notes"] + ([f"noisy: others took {row['others']:.0%} of a core"] * (row["others"] > NOISY))),
        )
        for row in rows
    ]
    return table([head, *body])


def table(rows: Sequence[Sequence[str]]) -> str:
    """Plain text columns: the first and the last to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in (0, len(row) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def save(folder: Path, name: str, result: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(result, ensure_ascii=False, indent=1))
    return path
