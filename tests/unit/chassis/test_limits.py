"""Rate limits: what the threads of one process take together."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chassis.limits import Limits


class SlowBucket(Limits):
    """One bucket in memory whose every answer takes its time, as the database's does."""

    def __init__(self, tokens: int) -> None:
        super().__init__(database=Any)
        self.tokens = tokens
        self.counted = threading.Lock()

    def _take(self, bucket: str, per_minute: int, wanted: int) -> bool:
        time.sleep(0.01)
        with self.counted:
            if self.tokens < wanted:
                return False
            self.tokens -= wanted
            return True


def test_many_threads_at_once_get_every_token_and_not_one_more() -> None:
    limits = SlowBucket(100)

    with ThreadPoolExecutor(32) as threads:
        allowed = list(threads.map(lambda _: limits.allow("caller", 100), range(120)))

    assert sum(allowed) == 100
