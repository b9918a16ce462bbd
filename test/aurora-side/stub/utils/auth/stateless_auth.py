"""Stands for Aurora's lookups. As in Aurora, looking up an organisation returns None if the database fails."""

import psycopg2

from utils.db.connection_pool import db_pool


def get_org_id_for_user(user_id):
    try:
        with db_pool.get_admin_connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT org_id FROM users WHERE id = %s", (user_id,))
            row = cursor.fetchone()
            return row[0] if row else None
    except psycopg2.Error:
        return None


def set_rls_context(cursor, connection, user_id, *, log_prefix=""):
    org_id = get_org_id_for_user(user_id)
    if org_id:
        cursor.execute("SELECT set_config('myapp.current_org_id', %s, false)", (org_id,))
        connection.commit()
    return org_id
