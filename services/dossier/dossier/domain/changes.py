"""The changes of state that several business acts share: acceptance, a clock that stops and starts, the end of a step,
the end of all."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dossier.domain.dossiers import Dossier, Result
from dossier.domain.due_dates import Calendars, calendar_of, forward_due, recounted, supplement_until
from dossier.domain.facts import Done, DossierCompleted, Fact, StepFinished
from dossier.domain.limits import Interval, IntervalKind
from dossier.domain.outcome import outcome
from dossier.domain.status import Status


def accepted(dossier: Dossier, at: datetime, calendars: Calendars) -> Dossier:
    """Received in full at `at`: status 2, and every date that runs from there."""
    calendar, rules = calendar_of(calendars, dossier.unit), dossier.rules
    taken = replace(dossier, status=Status.ACCEPTED, accepted_at=at, last_act_at=at, resumes_as=None, respond_by=None)
    taken = recounted(taken, calendars)
    return replace(
        taken,
        first_due_at=taken.due_at,
        forward_due_at=forward_due(calendar, rules, at),
        supplement_until=supplement_until(calendar, rules, dossier, at),
    )


def paused(dossier: Dossier, at: datetime, kind: IntervalKind, status: Status) -> Dossier:
    """The clock of the dossier and of the step under way stands still from `at`."""
    step = dossier.current_step
    return replace(
        dossier,
        status=status,
        last_act_at=at,
        intervals=(*dossier.intervals, Interval(kind, at)),
        due_at=None,
        standing_due_at=dossier.due_at,
        steps=(*dossier.steps[:-1], replace(step, due_at=None)) if step else dossier.steps,
    )


def resumed(dossier: Dossier, at: datetime, calendars: Calendars, status: Status) -> Dossier:
    """The clock runs again from `at`; without an open pause only the status changes."""
    intervals = tuple(replace(each, ended_at=at) if each.ended_at is None else each for each in dossier.intervals)
    running = replace(dossier, status=status, last_act_at=at, intervals=intervals, standing_due_at=None)
    return recounted(running, calendars)


def with_step_finished(dossier: Dossier, at: datetime) -> Done:
    """The step under way ends, early, on time or late by its own limit."""
    step = dossier.current_step
    if step is None:
        return Done(dossier, ())
    finished = replace(dossier, steps=(*dossier.steps[:-1], replace(step, finished_at=at)))
    return Done(finished, (StepFinished(at, step.plan.unit, step.plan.name, outcome(at, step.due_at)),))


def completed(dossier: Dossier, at: datetime, result: Result, reason: str | None) -> Done:
    """Processing has ended: status 9, judged against the promise as it stands."""
    done, finished = with_step_finished(dossier, at)
    done = replace(
        done, status=Status.COMPLETED, last_act_at=at, completed_at=at, result=result, proposal=None, resumes_as=None
    )
    facts: tuple[Fact, ...] = (*finished, DossierCompleted(at, result, outcome(at, dossier.due_at), reason))
    return Done(done, facts)


def closed(dossier: Dossier, at: datetime, status: Status) -> Dossier:
    """Nothing more can happen: no clock runs and nothing is waited for; the last promise stays where it stood."""
    step = dossier.current_step
    intervals = tuple(replace(each, ended_at=at) if each.ended_at is None else each for each in dossier.intervals)
    return replace(
        dossier,
        status=status,
        last_act_at=at,
        closed_at=at,
        intervals=intervals,
        steps=(*dossier.steps[:-1], replace(step, due_at=None)) if step else dossier.steps,
        proposal=None,
        resumes_as=None,
        respond_by=None,
    )
