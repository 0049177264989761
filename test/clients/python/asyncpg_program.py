"""asyncpg: everything binary, prepared statements by name, types introspected from the catalogs."""
import asyncio
import datetime
import decimal
import ipaddress
import ssl
import uuid

import asyncpg
from transcript import DATABASE, ERRORS, HOST, PASSWORD, PORT, SCHEMA, USER, VALUES, clean, heading, say

TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE
UTC = datetime.timezone.utc


async def connect(**more):
    return await asyncpg.connect(**{"host": HOST, "port": PORT, "user": USER, "password": PASSWORD, "database": DATABASE,
                                    "ssl": TLS, "server_settings": {"timezone": "UTC"}, **more})


def plain(value):
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.points if isinstance(value, asyncpg.Path) else value


def fields(e):
    return (type(e).__name__, e.sqlstate, clean(e), clean(e.detail), clean(e.hint), clean(e.schema_name), clean(e.table_name),
            clean(e.column_name), clean(e.constraint_name), clean(e.data_type_name), clean(e.position), clean(e.context))


async def fails(label, connection, text, *values):
    try:
        await connection.fetch(text, *values)
        say(label, "no error")
    except asyncpg.PostgresError as error:
        say(label, *fields(error))
    except asyncpg.InterfaceError as error:
        say(label, type(error).__name__)


async def types(db):
    heading("types")
    for kind, text in VALUES:
        if kind == "xml":
            continue
        try:
            row = await db.fetchrow("SELECT ($1::text)::%s AS v, NULL::%s AS n, ARRAY[($1::text)::%s] AS a" % (kind, kind, kind), text)
            shown = [plain(row["v"]), row["n"], plain(row["a"])]
            shown.append(await db.fetchval("SELECT ($1::%s)::text" % kind, row["v"]))
            statement = await db.prepare("SELECT $1::%s AS v" % kind)
            shown.append(await statement.fetchval(row["v"]) == row["v"])
            shown += [(t.name, t.kind, t.schema) for t in statement.get_parameters()]
            shown += [(a.name, a.type.name, a.type.kind) for a in statement.get_attributes()]
            say(kind, *shown)
        except asyncpg.PostgresError as error:
            say(kind, *fields(error))
        except (asyncpg.InterfaceError, ValueError, TypeError) as error:
            say(kind, type(error).__name__, clean(error))
    values = [
        ("int4[]", [[1, 2], [3, 4]]), ("numeric", decimal.Decimal("NaN")), ("timestamptz", datetime.datetime(2024, 1, 1, tzinfo=UTC)),
        ("date", datetime.date.max), ("timestamp", datetime.datetime.min), ("interval", datetime.timedelta(days=400, microseconds=1)),
        ("inet", ipaddress.ip_interface("10.0.0.1/8")), ("cidr", ipaddress.ip_network("10.0.0.0/8")), ("uuid", uuid.UUID(int=7)),
        ("tstzrange", asyncpg.Range(None, datetime.datetime(2024, 1, 1, tzinfo=UTC))), ("int4range", asyncpg.Range(empty=True)),
        ("bit(3)", asyncpg.BitString("101")), ("polygon", asyncpg.Polygon((1, 2), (3, 4))), ("address", ("x", None)),
        ("address[]", [("x", 1), None]), ("positive", 3), ("mood", "ok"), ("mood[]", ["ok", None]), ("text[]", []),
        ("int4multirange", [asyncpg.Range(1, 3), asyncpg.Range(5, 6)]), ("numeric", decimal.Decimal(10) ** 100),
    ]
    for kind, value in values:
        got, text = await db.fetchrow("SELECT $1::%s, ($1::%s)::text" % (kind, kind), value)
        say("parameter " + kind, plain(got), text)
    for kind, value in [("int4", "x"), ("int2", 40000), ("text", 5), ("mood", "angry"), ("date", "2024-01-01")]:
        try:
            say("bad " + kind, await db.fetchval("SELECT $1::%s" % kind, value))
        except asyncpg.PostgresError as error:
            say("bad " + kind, *fields(error))
        except asyncpg.InterfaceError as error:
            say("bad " + kind, type(error).__name__, clean(error))


async def introspection(db):
    heading("introspection")
    await db.execute("CREATE TYPE nested AS (a address, m mood[], p positive, r int4range)")
    await db.execute("CREATE DOMAIN moods AS mood[] CHECK (cardinality(VALUE) < 5)")
    await db.execute("CREATE TABLE deep (n nested, ns nested[], ms moods, d positive[])")
    await db.execute("INSERT INTO deep VALUES ($1, $2, $3, $4)", (("s", 1), ["ok"], 7, asyncpg.Range(1, 2)),
                     [((None, None), None, None, None), None], ["sad"], [1, 2])
    row = await db.fetchrow("SELECT * FROM deep")
    say("deep", *row.values())
    say("table row", await db.fetchval("SELECT d FROM deep d"))
    say("field", row["n"]["a"]["street"])
    await db.set_type_codec("mood", encoder=str.lower, decoder=str.upper, schema="public")
    say("codec", await db.fetchval("SELECT $1::mood", "OK"))
    await db.reset_type_codec("mood", schema="public")
    await db.set_type_codec("jsonb", encoder=str, decoder=lambda text: "json " + text, schema="pg_catalog")
    say("json codec", await db.fetchval("SELECT $1::jsonb", "[1]"))
    await db.reset_type_codec("jsonb", schema="pg_catalog")
    await db.execute("ALTER TYPE mood ADD VALUE 'great' AFTER 'happy'")
    say("added", await db.fetchval("SELECT $1::mood", "great"))
    await db.execute("ALTER TYPE address ADD ATTRIBUTE zip text")
    await db.reload_schema_state()
    say("attribute", await db.fetchval("SELECT ROW('a', 1, 'z')::address"))
    statement = await db.prepare("SELECT a, b, count(*) OVER () AS n FROM keyed WHERE a = $1 AND b = ANY($2)")
    say("parameters", [(p.name, p.kind) for p in statement.get_parameters()])
    say("attributes", [(a.name, a.type.name) for a in statement.get_attributes()], statement.get_statusmsg())
    say("utility", (await db.prepare("CREATE TABLE nowhere (a int4)")).get_attributes())


async def transactions(db):
    heading("transactions")
    other = await connect()
    async with db.transaction():
        await db.execute("CREATE TABLE ledger (id int4 PRIMARY KEY, v text)")
        await db.execute("INSERT INTO ledger VALUES ($1, $2)", 1, "one")
        try:
            async with db.transaction():
                await db.execute("INSERT INTO ledger VALUES (2, 'two')")
                await db.execute("INSERT INTO ledger VALUES (1, 'again')")
        except asyncpg.UniqueViolationError as error:
            say("savepoint", *fields(error))
    say("ledger", *await other.fetch("SELECT * FROM ledger"))
    for isolation in ["read_committed", "repeatable_read", "serializable"]:
        async with other.transaction(isolation=isolation, readonly=True, deferrable=isolation == "serializable"):
            say(isolation, *await other.fetchrow("SELECT current_setting('transaction_isolation'), "
                                                 "current_setting('transaction_read_only'), setting FROM pg_settings "
                                                 "WHERE name = 'transaction_isolation'"))
    conflict = other.transaction(isolation="serializable")
    await conflict.start()
    await other.fetch("SELECT * FROM ledger")
    await db.execute("UPDATE ledger SET v = 'changed'")
    await fails("conflict", other, "UPDATE ledger SET v = 'lost'")
    await conflict.rollback()
    await db.execute("BEGIN")
    await fails("in block", db, "SELECT 1 / $1::int4", 0)
    await fails("aborted", db, "SELECT 1")
    say("end", await db.execute("COMMIT"), db.is_in_transaction())
    await other.close()


async def cursors(db):
    heading("cursors")
    async with db.transaction():
        seen = []
        async for row in db.cursor("SELECT x FROM generate_series(1, $1) x", 500, prefetch=70):
            seen.append(row["x"])
        cursor = await db.cursor("SELECT x FROM generate_series(1, 20) x")
        say("cursor", sum(seen), await cursor.fetchrow(), await cursor.fetch(3), await cursor.forward(5), await cursor.fetch(50))
    statement = await db.prepare("SELECT x, md5(x::text) FROM generate_series(1, $1) x")
    async with db.transaction():
        total = 0
        async for n, text in statement.cursor(50000, prefetch=5000):
            total += n + len(text)
    say("large", total, len(await statement.fetch(20000)), await statement.fetchrow(3))
    say("reuse", [await db.fetchval("SELECT $1::int8 * 2", i) for i in range(5)])
    await db.execute("CREATE TABLE shape (a int4)")
    await db.fetch("SELECT * FROM shape")
    await db.execute("ALTER TABLE shape ADD COLUMN b text")
    say("changed result", await db.fetch("SELECT * FROM shape"))
    await db.fetch("SELECT * FROM shape WHERE a = $1", 1)
    await db.execute("ALTER TABLE shape ALTER COLUMN a TYPE text")
    await fails("changed parameter", db, "SELECT * FROM shape WHERE a = $1", 1)
    await db.executemany("INSERT INTO keyed (a, b, c) VALUES ($1, $2, $3)", [(i, "n%d" % i, None) for i in range(100, 400)])
    say("executemany", await db.fetchrow("SELECT count(*), sum(a) FROM keyed WHERE a >= 100"))
    try:
        await db.executemany("INSERT INTO keyed (a, b) VALUES ($1, $2)", [(500, "n500"), (100, "again")])
    except asyncpg.PostgresError as error:
        say("executemany fails", *fields(error), await db.fetchval("SELECT count(*) FROM keyed WHERE a = 500"))
    say("several", await db.execute("SELECT 1; CREATE TABLE several (a int4); INSERT INTO several VALUES (1), (2)"))


async def copy(db):
    heading("copy")
    await db.execute("CREATE TABLE copied (a int4, b text, c timestamptz, d numeric, e int4[], m mood, x address)")
    records = [(1, "one\ttab", datetime.datetime(2024, 1, 1, tzinfo=UTC), decimal.Decimal("1.50"), [1, None], "ok", ("s", 1, None)),
               (2, None, None, None, None, None, None)]
    say("records", await db.copy_records_to_table("copied", records=records, schema_name="public"))

    async def source():
        yield b"a,b\n3,\"x, \"\"y\"\"\"\n"
        yield b"4,nil\n"

    say("csv", await db.copy_to_table("copied", source=source(), columns=["a", "b"], format="csv", header=True, null="nil"))
    out = []

    async def sink(data):
        out.append(bytes(data))

    say("table", await db.copy_from_table("copied", output=sink, columns=["a", "b", "d"], format="csv", delimiter=";", force_quote=["b"]))
    say("query", await db.copy_from_query("SELECT a, $1::text FROM copied WHERE a > $2 ORDER BY a", "é", 2, output=sink, format="text"))
    say("out", b"".join(out).decode())
    out.clear()
    say("binary", await db.copy_from_query("SELECT * FROM copied WHERE a < 3", output=sink, format="binary"), b"".join(out)[:25].hex())

    async def bad():
        yield b"1\tok\nzz\tbad\n"

    try:
        await db.copy_to_table("copied", source=bad(), columns=["a", "b"])
    except asyncpg.PostgresError as error:
        say("bad", *fields(error))

    async def interrupted():
        yield b"9\tok\n"
        raise KeyError("given up")

    try:
        await db.copy_to_table("copied", source=interrupted(), columns=["a", "b"])
    except (KeyError, asyncpg.PostgresError) as error:
        say("given up", type(error).__name__, await db.fetchval("SELECT count(*) FROM copied"))


async def events(db):
    heading("notifications, notices, cancel")
    listener = await connect()
    heard = asyncio.Queue()
    await listener.add_listener("news", lambda c, pid, channel, payload: heard.put_nowait((channel, payload, pid == db.get_server_pid())))
    await db.execute("SELECT pg_notify('news', $1)", "hello")
    say("heard", await asyncio.wait_for(heard.get(), 20))
    await listener.close()
    notices = []
    db.add_log_listener(lambda c, message: notices.append((message.severity, message.sqlstate, message.message)))
    await db.execute("DROP TABLE IF EXISTS not_there")
    say("notices", notices)
    try:
        await db.fetch("SELECT pg_sleep(1000)", timeout=0.2)
    except asyncio.TimeoutError:
        say("timeout", await db.fetchval("SELECT 'alive'"))
    task = asyncio.ensure_future(db.fetch("SELECT pg_sleep(1000)"))
    await asyncio.sleep(0.1)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        say("cancelled", await db.fetchval("SELECT 'alive'"))


async def main():
    heading("connect")
    db = await connect()
    say("version", db.get_server_version().major, db.get_settings().server_encoding, db.get_settings().TimeZone)
    for password, database in [("wrong", DATABASE), (PASSWORD, "nowhere")]:
        try:
            await connect(password=password, database=database)
        except asyncpg.PostgresError as error:
            say("refused", type(error).__name__, error.sqlstate, clean(error))
    for statement in SCHEMA:
        say("schema", await db.execute(statement))
    await types(db)
    heading("errors")
    await db.execute("INSERT INTO keyed (a, b) VALUES (1, 'one'), (2, 'two')")
    await db.execute("INSERT INTO keyed (a, b, d) VALUES ($1, $2, $3)", 10, "ten", 1)
    for label, text in ERRORS:
        await fails(label, db, text)
    await introspection(db)
    await transactions(db)
    await cursors(db)
    await copy(db)
    await events(db)
    heading("pool, zones, large values")
    async with asyncpg.create_pool(host=HOST, port=PORT, user=USER, password=PASSWORD, database=DATABASE, ssl=TLS, min_size=2, max_size=5) as pool:
        await pool.execute("CREATE TABLE pooled (id int4 PRIMARY KEY, n int4)")
        await pool.execute("INSERT INTO pooled SELECT x, 0 FROM generate_series(1, 3) x")
        await asyncio.gather(*(pool.execute("UPDATE pooled SET n = n + 1 WHERE id = $1", i % 3 + 1) for i in range(60)))
        say("pool", [tuple(r) for r in await pool.fetch("SELECT * FROM pooled ORDER BY id")])
    for zone in ["Europe/Berlin", "Asia/Kathmandu"]:
        await db.execute("SET timezone = '%s'" % zone)
        say(zone, db.get_settings().TimeZone, *await db.fetchrow("SELECT timestamptz '2024-07-01 12:00+00', (timestamptz '2024-07-01 12:00+00')::text"))
    for value in ["x" * 5_000_000, bytes(range(256)) * 4000]:
        say("large", await db.fetchval("SELECT $1::%s" % ("text" if isinstance(value, str) else "bytea"), value) == value)
    await db.close()


asyncio.run(main())
