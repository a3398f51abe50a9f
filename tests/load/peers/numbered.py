"""Turns the shared SQL's `%s` placeholders into asyncpg's `$1, $2 …`."""

from itertools import count


def numbered(sql: str) -> str:
    numbers = count(1)
    return "".join(part if part != "%s" else f"${next(numbers)}" for part in sql.replace("%s", "\0%s\0").split("\0"))
