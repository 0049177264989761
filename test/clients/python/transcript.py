"""What the programs of this folder share: they print one line per fact, which is compared with what PostgreSQL 15 gave."""
import os

HOST = os.environ["PGHOST"]
PORT = int(os.environ["PGPORT"])
USER = os.environ["PGUSER"]
PASSWORD = os.environ["PGPASSWORD"]
DATABASE = os.environ["PGDATABASE"]


def say(label, *values):
    print(label + ":", " | ".join(v if isinstance(v, str) else repr(v) for v in values))


def heading(text):
    print("# " + text)


def clean(text):
    return "" if text is None else str(text).rstrip("\n").replace("\n", "\\n")


# Column type, text of a value: every type that a table can have, as this text and as what the client makes of it.
VALUES = [
    ("bool", "true"),
    ("int2", "-32768"),
    ("int4", "2147483647"),
    ("int8", "-9223372036854775808"),
    ("oid", "4294967295"),
    ("float4", "1.5"),
    ("float4", "NaN"),
    ("float8", "0.1"),
    ("float8", "-Infinity"),
    ("numeric", "12345678901234567890.123456789"),
    ("numeric", "NaN"),
    ("numeric(10,2)", "-0.05"),
    ("money", "$1,234.50"),
    ("text", "äö \"q\" \\ 🙂"),
    ("text", ""),
    ("varchar(10)", "abc"),
    ("char(5)", "ab"),
    ("name", "a_name"),
    ("\"char\"", "x"),
    ("bytea", "\\x00ff10"),
    ("date", "2024-02-29"),
    ("date", "0001-01-01"),
    ("time", "23:59:59.999999"),
    ("timetz", "12:34:56.5+05:30"),
    ("timestamp", "2024-02-29 12:34:56.789012"),
    ("timestamptz", "2024-02-29 12:34:56.789012+02"),
    ("interval", "3 days 04:05:06.789"),
    ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("json", "{\"a\": [1, null, \"x\"]}"),
    ("jsonb", "{\"b\": 1.5, \"a\": {\"c\": true}}"),
    ("xml", "<a/>"),
    ("jsonpath", "$.\"a\"[*]"),
    ("inet", "192.168.1.5/24"),
    ("inet", "::1"),
    ("cidr", "10.0.0.0/8"),
    ("macaddr", "08:00:2b:01:02:03"),
    ("macaddr8", "08:00:2b:01:02:03:04:05"),
    ("bit(4)", "1010"),
    ("varbit", "10101"),
    ("point", "(1,2.5)"),
    ("line", "{1,2,3}"),
    ("lseg", "[(1,2),(3,4)]"),
    ("box", "(3,4),(1,2)"),
    ("path", "((1,2),(3,4))"),
    ("polygon", "((1,2),(3,4),(5,6))"),
    ("circle", "<(1,2),3>"),
    ("int4range", "[1,10)"),
    ("int4range", "empty"),
    ("int8range", "[5,)"),
    ("numrange", "(1.5,2.5]"),
    ("daterange", "[2024-01-01,2024-02-01)"),
    ("tsrange", "[\"2024-01-01 00:00:00\",)"),
    ("tstzrange", "(,\"2024-01-01 00:00:00+00\")"),
    ("int4multirange", "{[1,3),[5,8)}"),
    ("tsvector", "'a':1 'b':2A"),
    ("tsquery", "'a' & !'b'"),
    ("pg_lsn", "16/B374D848"),
    ("regclass", "pg_class"),
    ("bool[]", "{t,NULL,f}"),
    ("int4[]", "{1,NULL,3}"),
    ("int4[]", "{{1,2},{3,4}}"),
    ("int4[]", "[0:1]={7,8}"),
    ("int8[]", "{}"),
    ("float8[]", "{0.1,NaN}"),
    ("numeric[]", "{1.10,2}"),
    ("text[]", "{a,\"b c\",\"\",NULL,\"NULL\",\"{,}\"}"),
    ("bytea[]", "{\"\\\\x0102\"}"),
    ("date[]", "{2024-02-29}"),
    ("timestamptz[]", "{\"2024-02-29 10:34:56+00\"}"),
    ("uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"),
    ("jsonb[]", "{\"{\\\"a\\\": 1}\"}"),
    ("int4range[]", "{\"[1,3)\"}"),
    ("mood", "happy"),
    ("mood[]", "{sad,happy}"),
    ("positive", "7"),
    ("address", "(\"Main St\",12)"),
    ("address[]", "{\"(\\\"Main St\\\",12)\"}"),
]

# Statements that prepare a schema for VALUES and the errors below.
SCHEMA = [
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')",
    "CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)",
    "CREATE TYPE address AS (street text, number int4)",
    """CREATE TABLE keyed (a int4 PRIMARY KEY, b text NOT NULL UNIQUE, c int4 CHECK (c >= 0),
         d int4 REFERENCES keyed, p positive, m mood)""",
]

# Label and a statement that fails; the client shows SQLSTATE, message and every field.
ERRORS = [
    ("unique", "INSERT INTO keyed (a, b) VALUES (1, 'one')"),
    ("not null", "INSERT INTO keyed (a) VALUES (3)"),
    ("check", "INSERT INTO keyed (a, b, c) VALUES (3, 'x', -1)"),
    ("foreign key", "INSERT INTO keyed (a, b, d) VALUES (3, 'x', 77)"),
    ("restrict", "DELETE FROM keyed WHERE a = 1"),
    ("domain", "INSERT INTO keyed (a, b, p) VALUES (3, 'x', 0)"),
    ("enum", "INSERT INTO keyed (a, b, m) VALUES (3, 'x', 'angry')"),
    ("column", "SELECT nothing FROM keyed"),
    ("table", "SELECT * FROM \"äö\" WHERE true"),
    ("syntax", "SELECT 1 FRM x"),
    ("function", "SELECT nope(1)"),
    ("operator", "SELECT 1 + true"),
    ("division", "SELECT 1 / 0"),
    ("text", "SELECT 'abc'::int4"),
    ("range", "SELECT 2147483647 + 1"),
    ("ambiguous", "SELECT a FROM keyed x, keyed y"),
    ("grouping", "SELECT a, count(*) FROM keyed GROUP BY b"),
    ("subquery", "SELECT (SELECT x FROM generate_series(1, 2) x)"),
    ("long", "INSERT INTO keyed (a, b) VALUES (4, repeat('x', 3)::varchar(2)), (5, 'y'::char(1)), ('x', 'z')"),
    ("date", "SELECT date '2024-02-30'"),
    ("json", "SELECT jsonb '{\"a\": }'"),
    ("exists", "CREATE TABLE keyed ()"),
    ("drop", "DROP TABLE nowhere"),
    ("dependency", "DROP TYPE mood"),
    ("setting", "SET work_mem = 'much'"),
]
