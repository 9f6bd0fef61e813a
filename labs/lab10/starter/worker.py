"""Takes tickets out of the queue, counts the words of their texts, and writes the numbers down."""

import signal
import sys

import parts

# A ticket in work lies here, so that it is not lost with a worker that dies.
IN_WORK = "in-work"


def count(number):
    with parts.database() as database:
        row = database.execute("select text from texts where id = %s", (number,)).fetchone()
        if row:
            words = len(row[0].split())
            database.execute("update texts set words = %s where id = %s", (words, number))
            print(f"text {number}: {words} words", flush=True)


def work():
    queue = parts.queue()
    while queue.lmove(IN_WORK, parts.TICKETS, "RIGHT", "RIGHT"):
        print("took up a ticket that somebody left lying", flush=True)
    print("the worker is ready", flush=True)
    while True:
        ticket = queue.blmove(parts.TICKETS, IN_WORK, 5, "RIGHT", "LEFT")
        if ticket:
            count(int(ticket))
            queue.lrem(IN_WORK, 1, ticket)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
parts.prepare()
work()
