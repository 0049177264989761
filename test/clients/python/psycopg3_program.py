"""psycopg 3: extended protocol, text and binary, prepared by the server after five executions."""
import datetime
import decimal
import enum
import ipaddress
import threading
import uuid

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row, namedtuple_row
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.json import Jsonb
from psycopg.types.multirange import Int4Multirange
from psycopg.types.range import Range, RangeInfo, TimestamptzRange
from transcript import DATABASE, ERRORS, HOST, PASSWORD, PORT, SCHEMA, USER, VALUES, clean, heading, say


def connect(**more):
    return psycopg.connect(**{"host": HOST, "port": PORT, "user": USER, "password": PASSWORD, "dbname": DATABASE,
                              "sslmode": "require", "options": "-c timezone=UTC", "autocommit": True, **more})


def fields(error):
    d = error.diag
    return (type(error).__name__, error.sqlstate, clean(d.severity), clean(d.message_primary), clean(d.message_detail),
            clean(d.message_hint), clean(d.schema_name), clean(d.table_name), clean(d.column_name), clean(d.constraint_name),
            clean(d.datatype_name), clean(d.statement_position), clean(d.context))


def fails(label, connection, text, values=None, **more):
    try:
        connection.execute(text, values, **more)
        say(label, "no error")
    except psycopg.Error as error:
        say(label, *fields(error))


heading("connect")
db = connect()
say("info", db.info.server_version // 10000, db.info.encoding, str(db.info.timezone), db.pgconn.ssl_in_use, db.info.dbname == DATABASE)
for statement in SCHEMA:
    say("schema", db.execute(statement).statusmessage)

heading("type information")
for name in ["int4", "text", "mood", "positive", "address", "keyed", "_int4", "nothing"]:
    info = psycopg.types.TypeInfo.fetch(db, name)
    say(name, info and (info.name, info.oid > 0, info.array_oid > 0))
mood = EnumInfo.fetch(db, "mood")
say("enum", mood.labels)
address = CompositeInfo.fetch(db, "address")
say("composite", address.field_names, address.field_types)
keyed = CompositeInfo.fetch(db, "keyed")
say("table", keyed.field_names)
span = RangeInfo.fetch(db, "daterange")
say("range", span.name, span.oid, span.array_oid, span.subtype_oid)
Mood = enum.Enum("Mood", {"sad": "sad", "ok": "ok", "happy": "happy"})
register_enum(mood, db, Mood)
register_composite(address, db)

heading("types")
for kind, text in VALUES:
    shown = []
    for binary in [False, True]:
        try:
            row = db.execute("SELECT %s::" + kind + " AS v, %s::text", (text, text), binary=binary).fetchone()
            shown.append(row[0])
        except (psycopg.Error, ValueError) as error:
            shown.append("%s %s" % (type(error).__name__, getattr(error, "sqlstate", "")))
    cursor = db.cursor(binary=True)
    try:
        cursor.execute("SELECT NULL::" + kind + " AS v")
        column = cursor.description[0]
        shown += [cursor.fetchone(), column.type_code if column.type_code < 16384 else "own", column.display_size,
                  column.internal_size, column.precision, column.scale]
    except psycopg.Error as error:
        shown.append(error.sqlstate)
    say(kind, *shown)

heading("parameters")
values = [True, 7, 40000, 2**40, 2**70, 0.1, float("nan"), decimal.Decimal("1.10"), decimal.Decimal("-Infinity"), "ä'\\\"", b"\x00\xff",
          datetime.date(2024, 2, 29), datetime.time(1, 2, 3, 4), datetime.time(1, 2, tzinfo=datetime.timezone.utc),
          datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
          datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
          datetime.timedelta(days=3, seconds=4, microseconds=5), uuid.UUID(int=5), [1, None, 3], [["a", "b"], ["c", "d"]],
          [decimal.Decimal("1.5")], [datetime.date(2024, 1, 1)], Jsonb({"a": [1]}), Range(1, 5), Range(empty=True),
          TimestamptzRange(datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc), None), Int4Multirange([Range(1, 3), Range(5, 9)]),
          ipaddress.ip_interface("10.0.0.1/8"), ipaddress.ip_network("10.0.0.0/8"), Mood.happy, [Mood.sad, Mood.ok],
          address.python_type("Main", 3), None]
for value in values:
    for mark in ["%s", "%b", "%t"]:
        for binary in [False, True]:
            try:
                cursor = db.execute("SELECT " + mark + " AS v, pg_typeof(" + mark + ")::text", (value, value), binary=binary)
                got, name = cursor.fetchone()
                say("parameter " + mark, got, name)
            except psycopg.Error as error:
                say("parameter " + mark, type(error).__name__, error.sqlstate, clean(error))

heading("errors")
db.execute("INSERT INTO keyed (a, b) VALUES (1, 'one'), (2, 'two'), (10, 'ten')")
db.execute("UPDATE keyed SET d = %s WHERE a = %s", (1, 10))
for label, text in ERRORS:
    fails(label, db, text)
fails("parameter", db, "SELECT %s::int4", ("abc",))
fails("binary parameter", db, "SELECT %b::int2", (40000,))
fails("unknown type", db, "SELECT * FROM keyed WHERE a = %s", ("x",))
fails("several", db, "SELECT 1; SELECT %s", (1,))
fails("null byte", db, "SELECT %s::text || chr(0)", ("x",))

heading("prepared")
for i in range(8):
    row = db.execute("SELECT %s::int4 + 1, %s::text", (i, "x")).fetchone()
say("reused", row, len(db.execute("SELECT name FROM pg_prepared_statements").fetchall()))
row = db.execute("SELECT parameter_types::text, from_sql FROM pg_prepared_statements "
                 "WHERE statement LIKE '%int4 + 1%'").fetchone()
say("types", row)
db.execute("CREATE TABLE shape (a int4)")
for i in range(3):
    db.execute("SELECT * FROM shape", prepare=True)
db.execute("ALTER TABLE shape ADD COLUMN b text")
fails("changed result", db, "SELECT * FROM shape", prepare=True)
db.execute("DEALLOCATE ALL")

heading("pipeline")
with db.pipeline() as pipeline:
    cursors = [db.execute("SELECT %s::int4 * 2", (i,)) for i in range(5)]
    say("answers", [c.fetchone()[0] for c in cursors])
    pipeline.sync()
try:
    with db.pipeline() as pipeline:
        first = db.execute("INSERT INTO keyed (a, b) VALUES (20, 'twenty')")
        db.execute("SELECT 1 / 0")
        last = db.execute("SELECT 2")
        pipeline.sync()
except psycopg.Error as error:
    say("failed", type(error).__name__, error.sqlstate)
say("rolled back", db.execute("SELECT count(*) FROM keyed WHERE a = 20").fetchone())
try:
    with db.pipeline() as pipeline:
        db.execute("INSERT INTO keyed (a, b) VALUES (20, 'twenty')")
        pipeline.sync()
        db.execute("INSERT INTO keyed (a, b) VALUES (20, 'again')")
except psycopg.Error as error:
    say("second part", error.sqlstate)
say("first part kept", db.execute("SELECT count(*) FROM keyed WHERE a = 20").fetchone())
cursor = db.cursor()
cursor.executemany("INSERT INTO keyed (a, b) VALUES (%s, %s) RETURNING a", [(i, "n%d" % i) for i in range(30, 40)], returning=True)
rows = []
while True:
    rows += cursor.fetchall()
    if not cursor.nextset():
        break
say("executemany", rows)

heading("transactions")
other = connect()
with db.transaction():
    db.execute("CREATE TABLE ledger (id int4 PRIMARY KEY, v text)")
    db.execute("INSERT INTO ledger VALUES (1, 'one')")
    try:
        with db.transaction("inner"):
            db.execute("INSERT INTO ledger VALUES (2, 'two')")
            say("status", db.info.transaction_status.name)
            db.execute("INSERT INTO ledger VALUES (1, 'again')")
    except psycopg.errors.UniqueViolation as error:
        say("savepoint", *fields(error))
    with db.transaction(force_rollback=True):
        db.execute("INSERT INTO ledger VALUES (3, 'three')")
say("ledger", other.execute("SELECT * FROM ledger").fetchall())
manual = connect(autocommit=False)
for level in psycopg.IsolationLevel:
    manual.isolation_level, manual.read_only, manual.deferrable = level, True, level.name == "SERIALIZABLE"
    row = manual.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'), "
                         "current_setting('transaction_deferrable')").fetchone()
    say(level.name, *row)
    fails("read only", manual, "DELETE FROM ledger")
    manual.rollback()

heading("cursors")
with db.transaction(), db.cursor("portal", scrollable=True, row_factory=dict_row) as cursor:
    cursor.execute("SELECT x, %s || x AS t FROM generate_series(1, 1000) x", ("row ",))
    cursor.itersize = 77
    say("portal", cursor.fetchone(), cursor.fetchmany(2), sum(r["x"] for r in cursor))
    cursor.scroll(10, mode="absolute")
    say("scrolled", cursor.fetchone(), cursor.description[1].name)
with db.cursor("held", withhold=True, binary=True) as cursor:
    cursor.execute("SELECT x, x::numeric / 3 FROM generate_series(1, 3) x")
    say("held", cursor.fetchall())
total = 0
for n, text in db.cursor().stream("SELECT x, md5(x::text) FROM generate_series(1, %s) x", (5000,)):
    total += n + len(text)
say("single rows", total)
cursor = db.cursor(row_factory=namedtuple_row)
cursor.execute("SELECT 1 AS a; SELECT 2 AS b, 3 AS c; CREATE TEMP TABLE tt (x int4)")
say("sets", cursor.fetchall())
cursor.nextset()
say("sets", cursor.fetchall(), cursor.nextset(), cursor.statusmessage)

heading("copy")
db.execute("CREATE TABLE copied (a int4, b text, c timestamptz, d numeric, e int4[])")
with db.cursor().copy("COPY copied FROM STDIN") as copy:
    copy.write_row((1, "one\ttab", datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc), decimal.Decimal("1.5"), [1, 2]))
    copy.write_row((2, None, None, None, None))
cursor = db.cursor()
with cursor.copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
    copy.set_types(["int4", "text", "timestamptz", "numeric", "int4[]"])
    copy.write_row((3, "ä", datetime.datetime(1999, 1, 1, tzinfo=datetime.timezone.utc), decimal.Decimal("-0.001"), []))
say("rows", cursor.rowcount)
with db.cursor().copy("COPY copied TO STDOUT") as copy:
    copy.set_types(["int4", "text", "timestamptz", "numeric", "int4[]"])
    say("text", *copy.rows())
with db.cursor().copy("COPY (SELECT * FROM copied WHERE a > %s) TO STDOUT (FORMAT binary)", (1,)) as copy:
    copy.set_types(["int4", "text", "timestamptz", "numeric", "int4[]"])
    say("binary", *copy.rows())
try:
    with db.cursor().copy("COPY copied (a) FROM STDIN") as copy:
        copy.write("1\nx\n")
except psycopg.Error as error:
    say("bad", *fields(error))
try:
    with db.cursor().copy("COPY copied (a) FROM STDIN") as copy:
        copy.write("1\n")
        raise KeyError("given up")
except (KeyError, psycopg.Error) as error:
    say("given up", type(error).__name__, clean(error), db.execute("SELECT count(*) FROM copied").fetchone())

heading("notifications and notices")
listener = connect()
listener.execute("LISTEN news")
db.execute("SELECT pg_notify('news', %s)", ("hello",))
for notice in listener.notifies():
    say("heard", notice.channel, notice.payload, notice.pid == db.info.backend_pid)
    break
db.add_notice_handler(lambda d: say("notice", d.severity, d.sqlstate, d.message_primary))
db.execute("DROP TABLE IF EXISTS nowhere")

heading("cancel")
victim = connect()
timer = threading.Timer(0.2, victim.cancel)
timer.start()
fails("cancelled", victim, "SELECT pg_sleep(1000)")
timer.join()
say("alive", victim.execute("SELECT 1").fetchone())

heading("rows, zones, large values")
say("class", db.cursor(row_factory=class_row(dict)).execute("SELECT 1 AS a").fetchone())
query = sql.SQL("SELECT {} FROM {} ORDER BY {} LIMIT {}").format(
    sql.Identifier("a"), sql.Identifier("public", "keyed"), sql.Identifier("a"), sql.Literal(2))
say(query.as_string(db), db.execute(query).fetchall())
for zone in ["Europe/Berlin", "America/New_York", "Asia/Kathmandu"]:
    db.execute("SELECT set_config('timezone', %s, false)", (zone,))
    for binary in [False, True]:
        row = db.execute("SELECT timestamptz '2024-07-01 12:00:00+00', timestamptz '1960-01-01 00:00:00+00'", binary=binary).fetchone()
        say(zone, *(str(v) for v in row), str(db.info.timezone))
for value in ["x" * 5_000_000, bytes(range(256)) * 4000]:
    for binary in [False, True]:
        say("large", db.execute("SELECT %s", (value,), binary=binary).fetchone()[0] == value)
say("large result", sum(len(r[1]) for r in db.execute("SELECT x, repeat('y', 1000) FROM generate_series(1, 5000) x", binary=True)))
