"""Stands for Aurora's connection pool, which hands out connections without checking whether they still work."""

import os
from contextlib import contextmanager, suppress

import psycopg2
from psycopg2.pool import ThreadedConnectionPool


class Pool:
    def __init__(self):
        self.connections = ThreadedConnectionPool(2, 20, os.environ["STUB_DATABASE"])

    @contextmanager
    def get_admin_connection(self):
        connection = self.connections.getconn()
        try:
            yield connection
        finally:
            with suppress(psycopg2.Error):  # A broken connection cannot be reset; the pool drops it.
                connection.rollback()
                connection.cursor().execute("RESET myapp.current_org_id")
                connection.commit()
            self.connections.putconn(connection)


db_pool = Pool()
