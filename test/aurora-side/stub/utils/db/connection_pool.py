"""Stands for Aurora's pool: one connection for each use, without a row-level context, as the pool returns them."""

import os
from contextlib import contextmanager

import psycopg2


class Pool:
    @contextmanager
    def get_admin_connection(self):
        connection = psycopg2.connect(os.environ["STUB_DATABASE"])
        try:
            yield connection
        finally:
            connection.close()


db_pool = Pool()
