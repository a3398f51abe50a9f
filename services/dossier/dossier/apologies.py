"""Who decides on a letter of apology: somebody else than its proposer, of the dossier's unit or of one above it."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from chassis import context
from chassis.database import Tx
from dossier.domain.dossiers import Dossier
from dossier.domain.due_dates import Calendars
from dossier.domain.facts import ApologyProposed, Done
from dossier.domain.refusals import Act

DECISIONS = frozenset({Act.APPROVE_APOLOGY, Act.DECLINE_APOLOGY})
APPROVALS = DECISIONS | {Act.EXTEND}
"""What binds the province to a new date, and needs the scope `dossier:approve`."""

PROPOSER = """
SELECT actor FROM dossier_history WHERE code = %(code)s AND fact = %(fact)s ORDER BY id DESC LIMIT 1
"""


class OwnProposal(PermissionError):
    """Whoever proposed a letter of apology does not decide on it."""


def decided_by_another(
    tx: Tx, verb: Callable[[Dossier, datetime.datetime, Calendars], Done]
) -> Callable[[Dossier, datetime.datetime, Calendars], Done]:
    """The verb, refused to the one who made the proposal that it decides on."""

    def decide(dossier: Dossier, now: datetime.datetime, calendars: Calendars) -> Done:
        done = verb(dossier, now, calendars)
        proposer = tx.exec_driver_sql(PROPOSER, {"code": dossier.code, "fact": ApologyProposed.__name__}).scalar()
        if proposer == context.current().caller.subject:
            raise OwnProposal(dossier.code)
        return done

    return decide
