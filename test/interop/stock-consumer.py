"""A consumer on top of the stock package pgq, for the tests of our SQL.

Writes each event that it gets into public.seen, in the transaction of its batch. Its ini file has, besides the keys of
pgq.Consumer:

  kind   plain, coop or remote (public.seen is then in the database of the key remote_db)
  retry  an event with this text is asked for again the first time it comes
  hang   in a batch with an event of this text it stays in its transaction, until somebody kills it
"""

import configparser
import sys
import time

import pgq
from psycopg2.extras import execute_values


class Collector:
    def collect(self, curs, batch_id, events):
        rows = []
        for ev in events:
            fields = [ev.ev_type, ev.ev_extra1, ev.ev_extra2, ev.ev_extra3, ev.ev_extra4]
            rows.append((ev.ev_data, ev.ev_retry or 0, batch_id, self.job_name, fields))
            if ev.ev_data == self.cf.get("retry", "") and not ev.ev_retry:
                ev.tag_retry(0)
        if rows:
            execute_values(curs, "insert into public.seen (data, retry, batch, reader, fields) values %s", rows)
        if any(row[0] == self.cf.get("hang", "") for row in rows):
            curs.execute("select 'hangs'")
            time.sleep(3600)


class PlainConsumer(Collector, pgq.Consumer):
    def process_batch(self, db, batch_id, event_list):
        self.collect(db.cursor(), batch_id, event_list)


class CoopConsumer(Collector, pgq.CoopConsumer):
    def process_batch(self, db, batch_id, event_list):
        self.collect(db.cursor(), batch_id, event_list)


class RemoteConsumer(Collector, pgq.RemoteConsumer):
    def process_remote_batch(self, db, batch_id, event_list, dst_db):
        self.collect(dst_db.cursor(), batch_id, event_list)


def main(args):
    ini = configparser.ConfigParser()
    ini.read(args[-1])
    kind = ini.get("consumer", "kind")
    if kind == "plain":
        PlainConsumer("consumer", "db", args).start()
    elif kind == "coop":
        CoopConsumer("consumer", "db", args).start()
    else:
        RemoteConsumer("consumer", "db", "remote_db", args).start()


main(sys.argv[1:])
