"""Looks for people in the forbidden areas of the cameras held, where something moves, and tells when somebody is there and is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from chassis import logs
from chassis.context import new_id
from chassis.database import Database
from ipcam.analyst import Keys
from ipcam.domain.presence import PersonGone, PersonSeen, PresenceRule, PresenceState, follow, leave
from ipcam.media import KeyPicture, jpeg
from ipcam.persons import PersonFinder, occupied
from ipcam.posts import Post
from ipcam.recorder import Job, Recorder, arrived_at, reserve_for_event
from ipcam.roster import Roster
from ipcam.settings import RetentionSettings
from ipcam.tidings import contained, fenced, tell_presence

log = logs.get(__name__)
Change = PersonSeen | PersonGone


class PersonWatch:
    """Called by an analyst of its own, in its thread and within its budget. What is believed moves on only with the commit that tells it."""

    def __init__(
        self,
        database: Database,
        roster: Roster,
        recorder: Recorder,
        retention: RetentionSettings,
        finder: PersonFinder,
        rule: PresenceRule,
        told: Callable[[Post, str, datetime], None],
    ) -> None:
        self.database, self.roster, self.recorder, self.retention = database, roster, recorder, retention
        self.finder, self.rule, self.told = finder, rule, told

    def where(self, fleet: Keys) -> Keys:
        """The key frames that are worth a look: of cameras with forbidden areas, where something moves or somebody is."""
        return _Worthwhile(fleet, self.roster)

    def look(self, camera_id: str, frame: Any | None, key: KeyPicture) -> None:
        """One look at a camera; under maintenance people are where they should be."""
        post, at = self.roster.posts.get(camera_id), datetime.now(UTC)
        if post is None or frame is None or self.roster.maintained(post, at):
            return
        areas = post.row.forbidden_areas or {}
        # Who stands still must not become part of the usual picture, and be gone by it. A camera that has not yet learned what it
        # shows may take a door for somebody: its first knowledge counts at once, or that door would be believed for ever.
        if post.unpeopled is None or not any(state.present for state in post.persons.values()):
            post.unpeopled = post.judge.settled
        seen = occupied(self.finder, frame, areas, post.unpeopled) if areas else {}
        for area, somebody in seen.items():
            state = post.persons.get(area) or PresenceState(area)
            self._take(post, *follow(state, somebody, at, self.rule), frame, key)
        for area in [name for name, state in post.persons.items() if state.present and name not in areas]:
            self._take(post, *leave(post.persons[area], at), frame, key)

    def _take(self, post: Post, state: PresenceState, change: Change | None, frame: Any, key: KeyPicture) -> None:
        if change is None:
            post.persons[state.area] = state
            return
        picture = jpeg(frame) if isinstance(change, PersonSeen) else None
        recording_id = new_id() if picture is not None else None
        with contained(post, "presence"):
            with fenced(self.database, post) as tx:
                event_id = tell_presence(tx, post, change, recording_id)
                if event_id and recording_id:
                    days = self.retention.event_days
                    reserve_for_event(tx, post, recording_id, event_id, arrived_at(key), "snapshot", days)
            post.persons[state.area] = state
            log.info("person", camera=post.id, area=state.area, present=state.present)
            if event_id and recording_id:
                self.recorder.accept(Job(recording_id, post.id, post.row.site, lambda: picture))
                self.told(post, event_id, change.since)


class _Worthwhile:
    """The key frames that a look for people is spent on."""

    def __init__(self, fleet: Keys, roster: Roster) -> None:
        self._fleet, self._roster = fleet, roster

    def keys(self) -> dict[str, KeyPicture]:
        """Those of cameras where somebody is, or might be."""
        chosen = {post.id for post in self._roster.posts.values() if _might_be_there(post)}
        return (
            {camera_id: key for camera_id, key in self._fleet.keys().items() if camera_id in chosen} if chosen else {}
        )


def _might_be_there(post: Post) -> bool:
    """Where motion is followed nobody comes unmoved; who stands still is looked for until gone."""
    if any(state.present or any(hit for _, hit in state.looks) for state in list(post.persons.values())):
        return True
    followed = post.row.motion is not None
    return bool(post.row.forbidden_areas) and (not followed or any(s.moving for s in list(post.moving.values())))
