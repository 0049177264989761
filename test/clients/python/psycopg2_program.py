"""psycopg2: simple protocol with values put into the text by the client."""
import datetime
import decimal
import io
import select
import threading
import uuid

import psycopg2
import psycopg2.extensions
import psycopg2.extras
from psycopg2 import errorcodes, sql
from transcript import DATABASE, ERRORS, HOST, PASSWORD, PORT, SCHEMA, USER, VALUES, clean, heading, say


def connect(**more):
    return psycopg2.connect(**{"host": HOST, "port": PORT, "user": USER, "password": PASSWORD, "dbname": DATABASE,
                               "sslmode": "require", "options": "-c timezone=UTC", **more})


def fails(label, connection, text, values=None):
    try:
        with connection.cursor() as cursor:
            cursor.execute(text, values)
        say(label, "no error")
    except psycopg2.Error as error:
        d = error.diag
        say(label, type(error).__name__, error.pgcode, clean(error.pgerror), clean(d.message_detail), clean(d.message_hint),
            clean(d.schema_name), clean(d.table_name), clean(d.column_name), clean(d.constraint_name),
            clean(d.datatype_name), clean(d.statement_position), clean(d.context))


def plain(value):
    if isinstance(value, list):
        return [plain(v) for v in value]
    return bytes(value) if isinstance(value, memoryview) else value


heading("connect")
db = connect()
db.autocommit = True
cur = db.cursor()
say("tls", db.info.ssl_in_use, db.server_version // 10000, db.encoding, db.get_parameter_status("TimeZone"),
    db.get_parameter_status("integer_datetimes"), db.get_parameter_status("standard_conforming_strings"))
try:
    connect(password="wrong")
except psycopg2.OperationalError as error:
    say("wrong password", clean(error).split(": ", 1)[1].replace("port %d" % PORT, "port"))
for statement in SCHEMA:
    cur.execute(statement)
    say("schema", cur.statusmessage)

heading("types")
psycopg2.extras.register_uuid()
psycopg2.extras.register_composite("address", db)
psycopg2.extras.register_default_jsonb(db)
for kind, text in VALUES:
    cur.execute("CREATE TEMP TABLE one (v %s)" % kind)
    cur.execute("INSERT INTO one VALUES (%s) RETURNING v", (text,))
    value = cur.fetchone()[0]
    column = cur.description[0]
    cur.execute("SELECT v, v::text, pg_typeof(v)::text, v IS NULL FROM one")
    again, as_text, name, is_null = cur.fetchone()
    say(kind, plain(again), as_text, name, is_null, column.internal_size, column.precision, column.scale, type(value) is type(again))
    cur.execute("INSERT INTO one VALUES (NULL) RETURNING v")
    assert cur.fetchone() == (None,)
    cur.execute("DROP TABLE one")
values = [True, 7, 2**40, 0.1, float("inf"), decimal.Decimal("1.10"), "ä'\\\"", b"\x00\xff", datetime.date(2024, 2, 29),
          datetime.time(1, 2, 3, 4), datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
          datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
          datetime.timedelta(days=3, seconds=4, microseconds=5), uuid.UUID(int=5), [1, None, 3], [["a", "b"], ["c", "d"]],
          psycopg2.extras.Json({"a": [1]}), psycopg2.extras.NumericRange(1, 5), psycopg2.extras.DateRange(None, None, empty=True),
          psycopg2.extras.Inet("10.0.0.1/8"), ("row", 1), None]
for value in values:
    cur.execute("SELECT %s AS v, pg_typeof(%s)::text", (value, value))
    got, name = cur.fetchone()
    say("parameter", plain(got), name)

heading("errors")
cur.execute("INSERT INTO keyed (a, b) VALUES (1, 'one'), (2, 'two')")
cur.execute("INSERT INTO keyed (a, b, d) VALUES (10, 'ten', 1)")
for label, text in ERRORS:
    fails(label, db, text)
say("codes", errorcodes.lookup("23505"), errorcodes.lookup("40P01"))
cur.execute("SET client_min_messages = notice; DROP TABLE IF EXISTS nowhere; CREATE TABLE IF NOT EXISTS keyed ()")
say("notices", [clean(n) for n in db.notices])

heading("transactions")
other = connect()
tx = connect()
with tx, tx.cursor() as c:
    c.execute("CREATE TABLE ledger (id int4 PRIMARY KEY, v text)")
    c.execute("INSERT INTO ledger VALUES (1, 'one')")
say("committed", tx.status == psycopg2.extensions.STATUS_READY)
try:
    with tx, tx.cursor() as c:
        c.execute("INSERT INTO ledger VALUES (2, 'two')")
        c.execute("SAVEPOINT s")
        fails("inside", tx, "INSERT INTO ledger VALUES (1, 'again')")
        fails("aborted", tx, "SELECT 1")
        c.execute("ROLLBACK TO s")
        c.execute("SELECT count(*) FROM ledger")
        say("after rollback to", c.fetchone(), tx.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_INTRANS)
        raise KeyError("undo")
except KeyError:
    with other, other.cursor() as c:
        c.execute("SELECT * FROM ledger")
        say("undone", c.fetchall())
for level in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]:
    tx.set_session(isolation_level=level, readonly=True, deferrable=level == "SERIALIZABLE")
    with tx, tx.cursor() as c:
        c.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
        say(level, c.fetchone())
        fails("read only", tx, "INSERT INTO ledger VALUES (9, 'x')")
tx.set_session(isolation_level="REPEATABLE READ", readonly=False)
tx.cursor().execute("SELECT * FROM ledger")
cur.execute("UPDATE ledger SET v = 'changed' WHERE id = 1")
fails("serialization", tx, "UPDATE ledger SET v = 'lost' WHERE id = 1")
tx.rollback()

heading("cursors")
with other, other.cursor("portal", scrollable=True) as c:
    c.itersize = 100
    c.execute("SELECT x, 'row ' || x FROM generate_series(1, 1000) x")
    say("first", c.fetchone(), c.fetchmany(3), len(list(c)))
    c.scroll(500, mode="absolute")
    say("scrolled", c.fetchone())
    c.scroll(-2)
    say("back", c.fetchone())
with other.cursor("held", withhold=True) as c:
    c.execute("SELECT x FROM generate_series(1, 10) x")
    other.commit()
    say("held", c.fetchmany(3))
    cur2 = other.cursor()
    cur2.execute("SELECT name, is_holdable, is_scrollable, is_binary FROM pg_cursors")
    say("pg_cursors", cur2.fetchall())
other.commit()
total = 0
with other, other.cursor("large") as c:
    c.itersize = 5000
    c.execute("SELECT x, md5(x::text) FROM generate_series(1, 50000) x")
    for n, text in c:
        total += n + len(text)
say("large", total)

heading("batches")
cur.execute("CREATE TABLE batch (id int4 GENERATED ALWAYS AS IDENTITY, a int4, b text)")
psycopg2.extras.execute_batch(cur, "INSERT INTO batch (a, b) VALUES (%s, %s)", [(i, "b%d" % i) for i in range(250)])
ids = psycopg2.extras.execute_values(cur, "INSERT INTO batch (a, b) VALUES %s RETURNING id", [(i, None) for i in range(250)], fetch=True)
cur.executemany("UPDATE batch SET b = %s WHERE a = %s", [("x", 1), ("y", 2)])
cur.execute("SELECT count(*), count(b), sum(id), max(b) FROM batch")
say("batch", len(ids), cur.fetchone())
cur.execute(sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s) ORDER BY 1").format(
    sql.Identifier("a"), sql.Identifier("batch"), sql.Identifier("a")), ([3, 5],))
say("any", cur.fetchall())
cur.execute("PREPARE p (int4, text) AS SELECT $1 + 1, upper($2)")
cur.execute("EXECUTE p (%s, %s)", (1, "x"))
say("prepared", cur.fetchall())
with db.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as c:
    c.execute("SELECT 1 AS a, 'x' AS b; ")
    say("dict", dict(c.fetchone()))

heading("copy")
cur.execute("CREATE TABLE copied (a int4 PRIMARY KEY, b text, c timestamptz)")
cur.copy_from(io.StringIO("1\tone\t2024-01-01 00:00:00+00\n2\t\\N\t\\N\n"), "copied", columns=("a", "b", "c"))
say("copy from", cur.rowcount)
cur.copy_expert("COPY copied FROM STDIN (FORMAT csv, HEADER, NULL 'nil')", io.StringIO("a,b,c\n3,\"x, \"\"y\"\"\",nil\n4,nil,nil\n"))
out = io.StringIO()
cur.copy_to(out, "copied", null="-")
say("copy to", out.getvalue().splitlines())
out = io.BytesIO()
cur.copy_expert("COPY (SELECT a, b FROM copied ORDER BY a DESC) TO STDOUT (FORMAT binary)", out)
say("binary", out.getvalue().hex())
try:
    cur.copy_from(io.StringIO("5\tok\nzz\tbad\n"), "copied", columns=("a", "b"))
except psycopg2.Error as error:
    say("bad row", error.pgcode, clean(error))

heading("notifications")
listener = connect()
listener.autocommit = True
listener.cursor().execute("LISTEN news")
cur.execute("NOTIFY news, 'hello'; SELECT pg_notify('news', 'ä')")
while len(listener.notifies) < 2:
    select.select([listener], [], [], 10)
    listener.poll()
say("heard", [(n.channel, n.payload, n.pid == db.info.backend_pid) for n in listener.notifies])

heading("cancel")
victim = connect()
victim.autocommit = True
timer = threading.Timer(0.2, victim.cancel)
timer.start()
fails("cancelled", victim, "SELECT pg_sleep(1000)")
timer.join()
fails("timeout", victim, "SET statement_timeout = 50; SELECT pg_sleep(1000)")
waiting = psycopg2.connect(host=HOST, port=PORT, user=USER, password=PASSWORD, dbname=DATABASE, async_=1)
psycopg2.extras.wait_select(waiting)
async_cursor = waiting.cursor()
async_cursor.execute("SELECT generate_series(1, 3)")
psycopg2.extras.wait_select(waiting)
say("asynchronous", async_cursor.fetchall())

heading("time zones")
for zone in ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]:
    cur.execute("SET timezone = %s", (zone,))
    cur.execute("SELECT timestamptz '2024-07-01 12:00:00+00', timestamptz '1900-01-01 00:00:00+00', timestamp '2024-07-01 12:00'")
    say(zone, *(str(v) for v in cur.fetchone()))
    cur.execute("SELECT %s::timestamptz::text", (datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),))
    say(zone, cur.fetchone()[0])

heading("large objects of text")
big = "x" * 5_000_000
cur.execute("SELECT length(%s), %s", (big, big))
n, echoed = cur.fetchone()
say("text", n, echoed == big)
cur.execute("SELECT %s::bytea", (psycopg2.Binary(bytes(range(256)) * 4000),))
say("bytea", bytes(cur.fetchone()[0]) == bytes(range(256)) * 4000)
say("backend", db.get_backend_pid() > 0, db.get_dsn_parameters()["dbname"] == DATABASE, db.get_transaction_status())
