"""Writes events with the stock package pgq: one by one, and many by COPY. Its ini file names the database."""

import configparser
import datetime
import sys

import pgq
import psycopg2

ini = configparser.ConfigParser()
ini.read(sys.argv[-1])
db = psycopg2.connect(ini.get("consumer", "db"))
curs = db.cursor()
pgq.insert_event(curs, "q", "one", "data", "e1", None, "", "x\ty\\z")
fields = ["ev_time", "ev_type", "ev_data", "ev_extra1", "ev_extra2", "ev_extra3", "ev_extra4"]
now = datetime.datetime.now(datetime.timezone.utc).isoformat()
rows = [(now, "many", "copy-%d" % i, None, "", "two\nlines", "\u00e4") for i in range(1000)]
pgq.bulk_insert_events(curs, rows, fields, "q")
db.commit()
