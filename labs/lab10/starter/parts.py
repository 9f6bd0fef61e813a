"""Where database and queue are. Everything comes from the environment, so that the same image fits anywhere.

DATABASE_HOST           the database's name in the network
DATABASE_PASSWORD_FILE  a file with its password
QUEUE_HOST              the queue's name in the network
"""

import os
import sys

import psycopg
import redis

TICKETS = "tickets"
FAULTS = (psycopg.Error, redis.RedisError)


def setting(name):
    value = os.environ.get(name)
    if not value:
        sys.exit(f"{name} is not set")
    return value


def password():
    try:
        with open(setting("DATABASE_PASSWORD_FILE")) as file:
            return file.read().strip()
    except OSError as error:
        sys.exit(f"the password can not be read: {error}")


def database():
    """A connection that commits at the end of a `with`."""
    return psycopg.connect(
        host=setting("DATABASE_HOST"), user="texts", dbname="texts", password=password(), connect_timeout=3
    )


def queue():
    return redis.Redis(host=setting("QUEUE_HOST"), decode_responses=True)


def prepare():
    """Makes the table, and ends with a sentence if there is no database to make it in."""
    try:
        with database() as connection:
            # Web and worker come up together: only one may make the table.
            connection.execute("select pg_advisory_xact_lock(1)")
            connection.execute("create table if not exists texts (id serial primary key, text text not null, words integer)")
        queue().ping()
    except FAULTS as error:
        sys.exit(f"can't start: {error}")
