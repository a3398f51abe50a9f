"""Peer: aio-pika and asyncpg, one message after the other."""

import asyncio
import json
import os
from datetime import date

import aio_pika
import asyncpg

from tests.load import workload
from tests.load.peers.numbered import numbered

INSERT_INBOX, ADD_RECEIVED = numbered(workload.INSERT_INBOX), numbered(workload.ADD_RECEIVED)


async def main():
    database = await asyncpg.connect(os.environ["BENCH_DATABASE_URL"])
    broker = await aio_pika.connect_robust(os.environ["BENCH_AMQP_URL"])
    channel = await broker.channel()
    await channel.set_qos(prefetch_count=100)
    name = os.environ["BENCH_QUEUE"]
    queue = await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})
    async with queue.iterator() as messages:
        async for message in messages:
            async with message.process(requeue=True):
                await on_received(database, message)


async def on_received(database, message):
    data = json.loads(message.body)
    async with database.transaction():
        if await database.execute(INSERT_INBOX, message.message_id) == "INSERT 0 1":
            await database.execute(ADD_RECEIVED, data["unit"], date.fromisoformat(data["received_at"][:10]))


if __name__ == "__main__":
    asyncio.run(main())
