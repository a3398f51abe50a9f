"""Lines of an import: cut from a stream without holding it, read or refused by field, whatever bytes come."""

from __future__ import annotations

import copy
import datetime
import hashlib
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.context import Context, running
from chassis.events import encode
from dossier import acting, announcements, import_lines, imports
from dossier.calendars import unit_calendar
from dossier.domain import lifecycle
from dossier.domain.dossiers import Channel, StepPlan, Terms
from dossier.domain.instants import VIETNAM
from dossier.domain.limits import Limit
from dossier.import_events import Entries, text_of
from dossier.import_lines import BadLine, read
from tests.integration.dossier.importing import act, finished, line

NOW = datetime.datetime(2026, 3, 2, 9, 0, tzinfo=VIETNAM)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.sampled_from(list(import_lines.IMPORTED)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


@given(st.lists(st.binary(max_size=40)), st.integers(1, 7))
def test_lines_are_the_same_however_the_stream_is_cut(pieces: list[bytes], size: int) -> None:
    whole = b"".join(pieces)
    ended, _, rest = whole.rpartition(b"\n")
    expected = (ended.split(b"\n") if b"\n" in whole else []) + ([rest] if rest else [])
    recut = [whole[at : at + size] for at in range(0, len(whole), size)]
    found = list(import_lines.raw_lines(recut))
    assert [each.text for each in found] == expected
    assert [each.number for each in found] == list(range(1, len(expected) + 1))
    for each in found:
        assert each.digest.hexdigest() == hashlib.sha256(whole[: each.end_bytes]).hexdigest()
        rest_of_it = import_lines.raw_lines([whole[each.end_bytes :]], each.number, each.end_bytes, each.digest.copy())
        assert [(e.number, e.text, e.end_bytes) for e in rest_of_it] == [
            (e.number, e.text, e.end_bytes) for e in found[each.number :]
        ]


def test_a_line_without_end_is_not_held() -> None:
    tracemalloc.start()
    endless = (b"x" * 65_536 for _ in range(2000))
    lines = list(import_lines.raw_lines(endless))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(each.text, each.end_bytes) for each in lines] == [(None, 2000 * 65_536)]
    assert peak < 3_000_000


def test_a_batch_has_no_more_acts_than_the_database_takes_in_time_and_no_dossier_twice() -> None:
    payments = [act("record-payment", "2021-10-13T10:00", amount=1)] * 199
    many = [encoded(line(f"HS-{number}", [act("accept", "2021-10-12T10:00"), *payments])) for number in range(60)]
    twice = [encoded(line("HS-1", [])), encoded(line("HS-1", [])), encoded(line("HS-2", [], code="HS-1"))]
    for lines, sizes in ((many, [25, 25, 10]), (twice, [1, 1, 1])):
        batches = list(imports._batches(import_lines.raw_lines([b"\n".join(lines)])))
        assert [len(batch) for batch in batches] == sizes


def test_a_line_that_is_too_long_hides_no_other() -> None:
    long = b"y" * (import_lines.LONGEST_LINE_BYTES + 1)
    assert [each.text for each in import_lines.raw_lines([b"a\n" + long + b"\nb\n", b"c"])] == [b"a", None, b"b", b"c"]


@given(
    st.binary(max_size=300)
    | json_values.map(encoded)
    | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_whatever_comes_is_refused_by_field(text: bytes) -> None:
    with pytest.raises(BadLine) as bad:
        read(text, NOW)
    assert all(field and rule for field, rule in bad.value.errors)


@given(st.data())
def test_a_line_with_anything_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    document = copy.deepcopy(line())
    places: list[tuple[Any, Any]] = [(document, name) for name in document]
    places += [(document["acts"][n], name) for n in range(6) for name in document["acts"][n]]
    for holder, name in data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        holder[name] = data.draw(json_values)
    try:
        found = read(encoded(document), NOW)
    except BadLine as bad:
        assert bad.errors
    else:
        assert found.filed_at <= NOW


@pytest.mark.parametrize("name", sorted(import_lines.PLAIN))
def test_an_act_that_says_nothing_but_its_time_is_read_as_its_schema_reads_it(name: str) -> None:
    document = act(name, "2021-10-12T09:10")
    short = import_lines._act(document)
    long = import_lines._act(document | {"actor": "Hương"})
    assert (short.act, short.at, short.body) == (long.act, long.at, long.body)


@pytest.mark.parametrize(
    "at", ["2021-10-12", "2021-10-12T09:10:00", "9 giờ", "", None, 7, ["2021-10-12T09:10:00Z"], {}]
)
def test_an_act_at_no_moment_is_refused(at: Any) -> None:
    with pytest.raises(BadLine) as bad:
        read(encoded(line(acts=[{"act": "accept", "at": at}])), NOW)
    assert bad.value.errors[0][0].startswith("acts.0.at")


def test_times_of_any_offset_are_the_same_moment() -> None:
    there = read(encoded(line(filed_at="2021-10-12T02:00:00Z")), NOW)
    assert there.filed_at == read(encoded(line()), NOW).filed_at


def test_what_people_read_is_vietnamese() -> None:
    wrong = line("", channel="x", filed_at="x", applicant={"full_name": "", "email": "x", "phone": "1", "identity_number": "1"},
                 acts=[{"at": 1}, {"act": "require-payment", "at": "2021-10-12T09:00:00Z", "amount": 0}], x=1)  # fmt: skip
    del wrong["unit"]
    with pytest.raises(BadLine) as bad:
        read(encoded(wrong), NOW)
    with pytest.raises(BadLine) as worse:
        read(encoded(line(acts=wrong["acts"])), NOW)
    rules = [rule for _, rule in (*bad.value.errors, *worse.value.errors)]
    english = [
        rule for rule in rules if set(rule.lower().split()) & {"must", "not", "valid", "field", "length", "than"}
    ]
    assert len(rules) > 8 and english == []


def test_the_events_are_those_that_the_contract_makes() -> None:
    """Every act that can be imported, in histories of every end."""
    steps = (StepPlan("Thẩm định", "H52.18", Limit.working_days(3)), StepPlan("Ký", "H52.17", Limit.working_days(1)))
    terms = [Terms("1.1", Limit.working_days(10), on_the_spot=True), Terms("1.2", Limit.working_days(9), steps=steps)]
    accept, forward = act("accept", "2021-10-12T09:10"), act("forward", "2021-10-14T09:10")
    again = act("forward", "2021-10-15T09:10")
    histories = [
        finished(),
        [accept, act("require-payment", "2021-10-12T10:00", amount=5), act("record-payment", "2021-10-12T11:00", amount=5)],
        [accept, act("extend", "2021-10-13T10:00", reason="Bận", letter="Xin lỗi", due_at="2021-12-01T10:00:00+07:00"),
         act("stop", "2021-10-14T10:00", reason="Theo bản án")],
        [accept, act("withdraw", "2021-10-14T10:00")],
        [act("request-supplement", "2021-10-12T10:00", reason="Thiếu", respond_by="2021-10-30"),
         act("receive-supplement", "2021-10-13T10:00")],
        [act("reject", "2021-10-12T10:00", reason="Sai")],
        [accept, forward, again, act("complete", "2021-10-18T10:00")],
        [act("resolve-on-the-spot", "2021-10-12T10:00")],
    ]  # fmt: skip
    calendars = {unit: unit_calendar(None, []) for unit in ("H52.17", "H52.18")}
    seen, entries = set(), Entries()
    with running(Context("test")):
        for history, channel in [(each, channel) for each in histories for channel in Channel]:
            told = read(encoded(line(acts=history)), NOW)
            steps_wanted = any(each["act"] == "forward" for each in history[1:3])
            done = lifecycle.receive("X", terms[steps_wanted], "H52.17", channel, told.filed_at, calendars)
            facts = [(done.dossier, fact) for fact in done.facts]
            for each in told.acts:
                done = acting.perform(each.act, done.dossier, each.at, calendars, each.body)
                facts += [(done.dossier, fact) for fact in done.facts]
            for dossier, fact in facts:
                event, subject, data = announcements.event_of(dossier, fact)
                assert text_of(event, data) == encode(event, data)
                entry = entries.entry(dossier, fact)
                assert (entry["subject"], entry["type"], entry["data"]) == (subject, event.type, encode(event, data))
                assert entry["occurred_at"] == fact.at
                seen.add(type(fact).__name__)
    assert len(seen) == 14, seen
