"""Token buckets in PostgreSQL: how often one caller may call, and how often one address may be refused."""

from __future__ import annotations

import threading
import time

from chassis.database import Database

# Refill and take in one statement; a bucket that cannot give all that is wanted gives nothing.
TAKE = """
INSERT INTO rate_bucket AS b (bucket, tokens, updated_at) VALUES (%(bucket)s, %(size)s - %(wanted)s, now())
ON CONFLICT (bucket) DO UPDATE SET
    tokens = least(%(size)s, b.tokens + extract(epoch FROM now() - b.updated_at) * %(per_second)s) - %(wanted)s,
    updated_at = now()
WHERE least(%(size)s, b.tokens + extract(epoch FROM now() - b.updated_at) * %(per_second)s) >= %(wanted)s
RETURNING 1
"""
LEFT = (
    "SELECT tokens + extract(epoch FROM now() - updated_at) * %(per_second)s FROM rate_bucket WHERE bucket = %(bucket)s"
)


class Limits:
    """Buckets shared by all processes. Each process leases a twentieth of a minute's tokens at a time and spends them
    from memory, so that the hot path asks the database once in many requests."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.leased: dict[str, tuple[int, float]] = {}  # bucket → tokens in hand, and until when
        self.locks = [threading.Lock() for _ in range(64)]

    def allow(self, bucket: str, per_minute: int) -> bool:
        """Take one token; False when the bucket is empty."""
        with self.locks[hash(bucket) % len(self.locks)]:  # one thread leases for all, or each would empty the bucket
            tokens, until = self.leased.get(bucket, (0, 0.0))
            if tokens > 0 and time.monotonic() < until:
                self.leased[bucket] = (tokens - 1, until)
                return True
            for wanted in sorted({max(1, per_minute // 20), 1}, reverse=True):  # near the end one at a time
                if self._take(bucket, per_minute, wanted):
                    self._keep(bucket, wanted - 1)
                    return True
            return False

    def spend(self, bucket: str, per_minute: int) -> None:
        """Take one token at once, without a lease: for what must be counted exactly, such as refused credentials."""
        self._take(bucket, per_minute, 1)

    def exhausted(self, bucket: str, per_minute: int) -> bool:
        """True when less than one token is left, without taking any."""
        left = self.database.at_once(LEFT, {"bucket": bucket, "per_second": per_minute / 60})
        return left is not None and float(left[0]) < 1

    def _keep(self, bucket: str, tokens: int) -> None:
        if len(self.leased) > 10_000:
            self.leased.clear()
        self.leased[bucket] = (tokens, time.monotonic() + 3.0)

    def _take(self, bucket: str, per_minute: int, wanted: int) -> bool:
        values = {"bucket": bucket, "size": per_minute, "wanted": wanted, "per_second": per_minute / 60}
        return self.database.at_once(TAKE, values) is not None
