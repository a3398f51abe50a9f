"""Peer: FastStream's RabbitMQ subscriber with an asyncpg pool, prefetch 100, handlers running concurrently."""

import asyncio
import logging
import os
from datetime import date

import asyncpg
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, ExchangeType, RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue
from faststream.rabbit.schemas.queue import QueueType

from tests.load import workload
from tests.load.peers.numbered import numbered

INSERT_INBOX, ADD_RECEIVED = numbered(workload.INSERT_INBOX), numbered(workload.ADD_RECEIVED)

broker = RabbitBroker(
    os.environ["BENCH_AMQP_URL"], default_channel=Channel(prefetch_count=100), logger=logging.getLogger("peer")
)
app = FastStream(broker, logger=None)
queue = RabbitQueue(
    os.environ["BENCH_QUEUE"], queue_type=QueueType.QUORUM, durable=True, routing_key=workload.EVENT_TYPE
)
exchange = RabbitExchange(workload.EXCHANGE, type=ExchangeType.TOPIC, durable=True)
pool: asyncpg.Pool


@app.on_startup
async def connect():
    global pool
    pool = await asyncpg.create_pool(os.environ["BENCH_DATABASE_URL"], min_size=10, max_size=10)


@broker.subscriber(queue, exchange, ack_policy=AckPolicy.NACK_ON_ERROR)
async def on_received(data: dict, message: RabbitMessage):
    async with pool.acquire() as connection, connection.transaction():
        if await connection.execute(INSERT_INBOX, message.message_id) == "INSERT 0 1":
            day = date.fromisoformat(data["received_at"][:10])
            await connection.execute(ADD_RECEIVED, data["unit"], day)


if __name__ == "__main__":
    asyncio.run(app.run())
