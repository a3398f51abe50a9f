"""The connection to RabbitMQ: opened with limits, dropped rather than closed when it does not answer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import amqp
from kombu.connection import Connection

from chassis.settings import BrokerSettings

AWAY: tuple[type[Exception], ...] = (OSError, amqp.exceptions.ConnectionError, amqp.exceptions.ChannelError)
"""What a lost, silent or refusing broker raises."""


@contextlib.contextmanager
def connected(settings: BrokerSettings) -> Iterator[amqp.Connection]:
    """One connection for the block; when the block raises, its socket is dropped, because a close may hang for ever
    under a memory alarm or a black hole."""
    connection = Connection(
        settings.url,
        heartbeat=settings.heartbeat_s,
        connect_timeout=settings.timeout_s,
        transport_options={"read_timeout": settings.timeout_s, "write_timeout": settings.timeout_s},
    ).connection  # the driver's own connection: what is measured per message is paid here
    connection.sock.settimeout(settings.timeout_s)  # waiting for any answer ends, also under eventlet
    try:
        yield connection
        connection.close()
    except BaseException:
        connection.collect()
        raise


def answers(settings: BrokerSettings) -> bool:
    """True when the broker accepts our credentials and opens a channel now."""
    try:
        with connected(settings) as connection:
            connection.channel()
        return True
    except AWAY:
        return False


def open_channel(connection: amqp.Connection) -> Any:
    """A channel that hands message bodies over as the bytes that arrived."""
    channel = connection.channel()
    channel.auto_decode = False
    return channel
