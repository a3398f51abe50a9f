"""What an act owes to the national portal, written in the transaction of the act; nothing while PORTAL_URL is not set."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.database import Writer
from dossier import portal_store, settings
from dossier.domain.dossiers import Dossier
from dossier.domain.facts import Fact
from dossier.portal_wire import PROGRESS, SYNC, progress, snapshot


def owe(tx: Writer, happened: Sequence[tuple[Dossier, Sequence[Fact]]]) -> None:
    """Owe the portal each dossier as it stands now, then its progress; belongs after the history was written, under the
    lock of the dossier, so that a dossier's deliveries are in the order of its acts."""
    if not settings.portal_switch().url:
        return
    rows = []
    for dossier, facts in happened:
        if steps := progress(dossier, facts):
            rows.append({"code": dossier.code, "service": SYNC, "content": snapshot(dossier)})
            rows.append({"code": dossier.code, "service": PROGRESS, "content": {"steps": steps}})
    portal_store.owe(tx, rows)


def owe_whole(tx: Writer, dossier: Dossier) -> None:
    """Owe the portal one dossier as it stands, whatever happened; the dossier must be locked."""
    portal_store.owe(tx, [{"code": dossier.code, "service": SYNC, "content": snapshot(dossier)}])
