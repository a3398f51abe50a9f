"""Who watches which camera: the arithmetic of fair shares, so that workers come and go without a coordinator."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b


@dataclass(frozen=True)
class Lease:
    """A camera and who holds it until when; `worker` None: nobody yet."""

    camera_id: str
    worker: str | None = None
    expires_at: datetime | None = None

    def free(self, at: datetime) -> bool:
        """Whether anybody may take it."""
        return self.worker is None or self.expires_at is None or self.expires_at <= at


@dataclass(frozen=True)
class Terms:
    """Renewed every `renew_every`, lost after `lasts`; a worker is alive while it was seen within `lasts`.

    Failover is under `lasts` + `renew_every`.
    """

    lasts: timedelta = timedelta(seconds=15)
    renew_every: timedelta = timedelta(seconds=5)


@dataclass(frozen=True)
class Moves:
    """What a worker should do now, in this order: stop and give up, renew, take."""

    release: tuple[str, ...]
    keep: tuple[str, ...]
    take: tuple[str, ...]


def alive(seen: Mapping[str, datetime], at: datetime, terms: Terms = Terms()) -> frozenset[str]:
    """The workers whose last sign of life is recent."""
    return frozenset(worker for worker, last in seen.items() if at - last < terms.lasts)


def fair_share(cameras: int, workers: Collection[str], me: str) -> int:
    """How many of the cameras are mine: equal shares, the remainder one each to the first workers by name; the sum is always `cameras`."""
    if me not in workers:
        return 0
    share, rest = divmod(cameras, len(workers))
    return share + (1 if sorted(workers).index(me) < rest else 0)


def moves(
    leases: Iterable[Lease], workers: Collection[str], me: str, at: datetime, capacity: int | None = None
) -> Moves:
    """What `me` should release, keep and take. Takes only free cameras; keeps what it has as far as its share goes (few moves);
    `capacity` bounds the share, and what nobody has room for stays free and visible."""
    everything = list(leases)
    target = fair_share(len(everything), workers, me)
    if capacity is not None:
        target = min(target, capacity)
    mine = sorted((x.camera_id for x in everything if x.worker == me and not x.free(at)), key=lambda c: _rank(c, me))
    room = max(0, target - len(mine))
    open_to_me = sorted((x.camera_id for x in everything if x.free(at)), key=lambda c: _rank(c, me))
    return Moves(tuple(mine[target:]), tuple(mine[:target]), tuple(open_to_me[:room]))


def _rank(camera_id: str, worker: str) -> bytes:
    """Rendezvous order: each worker prefers other cameras, so that two that look at once rarely reach for the same one."""
    return blake2b(f"{worker}\0{camera_id}".encode(), digest_size=8).digest()
