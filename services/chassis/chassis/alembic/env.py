"""alembic's entry: one transaction per migration, with the limits that `migrate` sets."""

import sqlalchemy
from alembic import context

url = context.config.attributes["url"].replace("postgresql://", "postgresql+psycopg2://", 1)
engine = sqlalchemy.create_engine(url)
with engine.connect() as connection:
    connection.exec_driver_sql(context.config.attributes["limits"])
    connection.commit()
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
