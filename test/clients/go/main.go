// lib/pq and pgx: one line per fact, which is compared with what PostgreSQL 15 gave.
package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
	"github.com/lib/pq"
)

var host, port, user, password, database = os.Getenv("PGHOST"), os.Getenv("PGPORT"), os.Getenv("PGUSER"), os.Getenv("PGPASSWORD"), os.Getenv("PGDATABASE")

func heading(text string) { fmt.Println("# " + text) }

func say(label string, values ...interface{}) {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = show(v)
	}
	fmt.Println(strings.ReplaceAll(label+": "+strings.Join(parts, " | "), "\n", "\\n"))
}

func show(v interface{}) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case []byte:
		return fmt.Sprintf("bytes %q", x)
	case string:
		return x
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano)
	case error:
		return failure(x)
	}
	if text, err := pgText(v); err == nil {
		return fmt.Sprintf("%T %s", v, text)
	}
	return fmt.Sprintf("%T %v", v, v)
}

func pgText(v interface{}) (string, error) {
	e, ok := v.(pgtype.TextEncoder)
	if !ok {
		return "", errors.New("no text")
	}
	text, err := e.EncodeText(pgtype.NewConnInfo(), nil)
	if err == nil && text == nil {
		return "null", nil
	}
	return string(text), err
}

func failure(err error) string {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		return fmt.Sprintf("%s %s %s; %s; %s; %d; %s %s %s %s %s; %s", p.Severity, p.Code, p.Message, p.Detail, p.Hint, p.Position, p.SchemaName, p.TableName,
			p.ColumnName, p.ConstraintName, p.DataTypeName, p.Where)
	}
	var q *pq.Error
	if errors.As(err, &q) {
		return fmt.Sprintf("%s %s %s %s; %s; %s; %s; %s %s %s %s %s; %s", q.Severity, q.Code, q.Code.Name(), q.Message, q.Detail, q.Hint, q.Position, q.Schema, q.Table,
			q.Column, q.Constraint, q.DataTypeName, q.Where)
	}
	return "error " + err.Error()
}

func must(err error) {
	if err != nil {
		fmt.Println("FAILED", failure(err))
		os.Exit(1)
	}
}

var kinds = []struct{ kind, text string }{
	{"bool", "true"}, {"int2", "-32768"}, {"int4", "2147483647"}, {"int8", "-9223372036854775808"}, {"oid", "4294967295"}, {"float4", "1.5"},
	{"float8", "-Infinity"}, {"float8", "0.1"}, {"numeric", "12345678901234567890.123"}, {"numeric", "NaN"}, {"numeric(10,2)", "-0.05"}, {"money", "$1,234.50"},
	{"text", "äö \"q\" \\ 🙂"}, {"text", ""}, {"varchar(10)", "abc"}, {"char(5)", "ab"}, {"name", "a_name"}, {"\"char\"", "x"}, {"bytea", "\\x00ff10"},
	{"date", "2024-02-29"}, {"date", "infinity"}, {"time", "23:59:59.999999"}, {"timetz", "12:34:56+05:30"}, {"timestamp", "2024-02-29 12:34:56.789012"},
	{"timestamptz", "2024-02-29 12:34:56.789012+02"}, {"interval", "1 year 3 days 04:05:06.789"}, {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	{"json", "{\"a\": [1, null]}"}, {"jsonb", "{\"b\": 1.5, \"a\": {}}"}, {"inet", "192.168.1.5/24"}, {"cidr", "10.0.0.0/8"}, {"macaddr", "08:00:2b:01:02:03"},
	{"bit(4)", "1010"}, {"varbit", "10101"}, {"point", "(1,2.5)"}, {"lseg", "[(1,2),(3,4)]"}, {"box", "(3,4),(1,2)"}, {"path", "((1,2),(3,4))"},
	{"polygon", "((1,2),(3,4))"}, {"circle", "<(1,2),3>"}, {"int4range", "[1,10)"}, {"int8range", "empty"}, {"numrange", "(1.5,2.5]"},
	{"tstzrange", "[\"2024-01-01 00:00:00+00\",)"}, {"daterange", "[2024-01-01,2024-02-01)"}, {"tsvector", "'a':1 'b':2A"}, {"bool[]", "{t,NULL,f}"},
	{"int2[]", "{1,2}"}, {"int4[]", "{{1,2},{3,4}}"}, {"int8[]", "{}"}, {"float8[]", "{0.1,NaN}"}, {"numeric[]", "{1.10,2}"},
	{"text[]", "{a,\"b c\",\"\",NULL,\"NULL\"}"}, {"date[]", "{2024-02-29}"}, {"timestamptz[]", "{\"2024-02-29 10:34:56+00\"}"},
	{"uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"}, {"mood", "happy"}, {"mood[]", "{sad,happy}"}, {"positive", "7"}, {"address", "(\"Main St\",12)"},
}

var schema = []string{
	"CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')", "CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)", "CREATE TYPE address AS (street text, number int4)",
	"CREATE TABLE keyed (a int4 PRIMARY KEY, b text NOT NULL UNIQUE, c int4 CHECK (c >= 0), d int4 REFERENCES keyed, p positive, m mood)",
	"INSERT INTO keyed (a, b) VALUES (1, 'one'), (2, 'two')",
}

var broken = []string{
	"INSERT INTO keyed (a, b) VALUES (1, 'x')", "INSERT INTO keyed (a) VALUES (3)", "INSERT INTO keyed (a, b, c) VALUES (3, 'x', -1)",
	"INSERT INTO keyed (a, b, d) VALUES (3, 'x', 77)", "INSERT INTO keyed (a, b, p) VALUES (3, 'x', 0)", "INSERT INTO keyed (a, b, m) VALUES (3, 'x', 'angry')",
	"SELECT nothing FROM keyed", "SELECT * FROM \"äö\" WHERE true", "SELECT 1 FRM x", "SELECT nope(1)", "SELECT 1 / 0", "SELECT 'abc'::int4", "DROP TYPE mood",
}

func pqProgram() {
	heading("pq connect")
	dsn := fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=require timezone=UTC", host, port, user, database)
	bad, err := sql.Open("postgres", dsn+" password=wrong")
	must(err)
	say("wrong password", bad.Ping())
	db, err := sql.Open("postgres", dsn+" password='"+password+"'")
	must(err)
	defer db.Close()
	db.SetMaxOpenConns(4)
	must(db.Ping())
	for _, s := range schema {
		_, err := db.Exec(s)
		must(err)
	}
	heading("pq types")
	for _, mode := range []string{"text", "binary"} {
		c := db
		if mode == "binary" {
			c, err = sql.Open("postgres", dsn+" binary_parameters=yes password='"+password+"'")
			must(err)
			defer c.Close()
		}
		for _, k := range kinds {
			rows, err := c.Query("SELECT $1::text::"+k.kind+" AS v, NULL::"+k.kind+", $1::text", k.text)
			if err != nil {
				say(mode+" "+k.kind, err)
				continue
			}
			types, _ := rows.ColumnTypes()
			for rows.Next() {
				var v, n interface{}
				var text string
				must(rows.Scan(&v, &n, &text))
				length, hasLength := types[0].Length()
				precision, scale, hasScale := types[0].DecimalSize()
				say(mode+" "+k.kind, v, n, text, types[0].DatabaseTypeName(), length, hasLength, precision, scale, hasScale)
			}
			must(rows.Err())
		}
		for _, v := range []interface{}{true, int64(7), 0.5, "ä", []byte{0, 255}, time.Date(2024, 1, 1, 0, 0, 0, 0, time.FixedZone("", 7200)), nil} {
			var got interface{}
			types := map[string]string{"bool": "bool", "int64": "int8", "float64": "float8", "string": "text", "[]uint8": "bytea", "time.Time": "timestamptz"}
			kind := types[fmt.Sprintf("%T", v)]
			if kind == "" {
				kind = "text"
			}
			must(c.QueryRow("SELECT $1::"+kind, v).Scan(&got))
			say(mode+" parameter", v, got)
		}
	}
	var ints []int64
	var texts []string
	must(db.QueryRow("SELECT $1::int8[], $2::text[]", pq.Array([]int64{1, 2}), pq.Array([]string{"a", "b \"c\""})).Scan(pq.Array(&ints), pq.Array(&texts)))
	say("arrays", ints, texts)
	heading("pq errors")
	for _, s := range broken {
		_, err := db.Exec(s)
		say(s, err)
	}
	_, err = db.Query("SELECT $1::int4", "abc")
	say("parameter", err)
	_, err = db.Query("SELECT $1::int4, $2::int4", 1)
	say("count", err)
	heading("pq transactions")
	_, err = db.Exec("CREATE TABLE ledger (id int4 PRIMARY KEY, v text)")
	must(err)
	tx, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelSerializable})
	must(err)
	var isolation string
	must(tx.QueryRow("SELECT current_setting('transaction_isolation')").Scan(&isolation))
	result, err := tx.Exec("INSERT INTO ledger VALUES ($1, $2), (2, 'two')", 1, "one")
	must(err)
	n, _ := result.RowsAffected()
	_, err = tx.Exec("SAVEPOINT s")
	must(err)
	_, err = tx.Exec("INSERT INTO ledger VALUES (1, 'again')")
	say("inside", err, isolation, n)
	_, err = tx.Exec("ROLLBACK TO s")
	must(err)
	must(tx.Commit())
	tx, err = db.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	must(err)
	_, err = tx.Exec("DELETE FROM ledger")
	say("read only", err, tx.Commit())
	heading("pq copy")
	tx, err = db.Begin()
	must(err)
	stmt, err := tx.Prepare(pq.CopyIn("ledger", "id", "v"))
	must(err)
	for i := 10; i < 1010; i++ {
		_, err = stmt.Exec(i, fmt.Sprintf("tab\t%d", i))
		must(err)
	}
	_, err = stmt.Exec()
	must(err)
	must(stmt.Close())
	must(tx.Commit())
	var count, sum int64
	must(db.QueryRow("SELECT count(*), sum(id) FROM ledger").Scan(&count, &sum))
	say("copied", count, sum)
	heading("pq listen, cancel")
	listener := pq.NewListener(dsn+" password='"+password+"'", time.Second, time.Minute, nil)
	must(listener.Listen("news"))
	_, err = db.Exec("SELECT pg_notify('news', $1)", "hello")
	must(err)
	note := <-listener.Notify
	say("heard", note.Channel, note.Extra)
	must(listener.Close())
	ctx, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	_, err = db.ExecContext(ctx, "SELECT pg_sleep(1000)")
	stop()
	say("cancelled", err)
	prepared, err := db.Prepare("SELECT x, md5(x::text) FROM generate_series(1, $1) x")
	must(err)
	for _, size := range []int{3, 50000} {
		rows, err := prepared.Query(size)
		must(err)
		total := 0
		for rows.Next() {
			var x int
			var text string
			must(rows.Scan(&x, &text))
			total += x + len(text)
		}
		say("prepared", total, rows.Err())
	}
	must(prepared.Close())
	rows, err := db.Query("SELECT 1; SELECT 2, 'x'")
	must(err)
	for more := true; more; more = rows.NextResultSet() {
		columns, _ := rows.Columns()
		for rows.Next() {
			say("set", columns)
		}
	}
}

func pgxConfig(more string) *pgx.ConnConfig {
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=require timezone=UTC %s", host, port, user, database, more))
	must(err)
	config.Password = password
	config.TLSConfig = &tls.Config{InsecureSkipVerify: true}
	return config
}

func pgxProgram() {
	ctx := context.Background()
	heading("pgx connect")
	wrong := pgxConfig("")
	wrong.Password = "wrong"
	_, err := pgx.ConnectConfig(ctx, wrong)
	var refused *pgconn.PgError
	say("wrong password", errors.As(err, &refused), refused)
	notices := []string{}
	config := pgxConfig("")
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices = append(notices, n.Severity+" "+n.Code+" "+n.Message) }
	db, err := pgx.ConnectConfig(ctx, config)
	must(err)
	defer db.Close(ctx)
	say("parameters", db.PgConn().ParameterStatus("server_encoding"), db.PgConn().ParameterStatus("TimeZone"), db.PgConn().PID() > 0)
	heading("pgx types")
	simple := pgxConfig("")
	simple.PreferSimpleProtocol = true
	plain, err := pgx.ConnectConfig(ctx, simple)
	must(err)
	defer plain.Close(ctx)
	for name, c := range map[string]*pgx.Conn{"extended": db} {
		for _, k := range kinds {
			rows, err := c.Query(ctx, "SELECT $1::text::"+k.kind+" AS v, NULL::"+k.kind+", $1::text", k.text)
			must(err)
			for rows.Next() {
				values, err := rows.Values()
				f := rows.FieldDescriptions()[0]
				say(name+" "+k.kind, values, err, string(f.Name), f.DataTypeOID < 16384, f.DataTypeSize, f.TypeModifier, f.Format)
			}
			if rows.Err() != nil {
				say(name+" "+k.kind, rows.Err())
			}
		}
	}
	for name, c := range map[string]*pgx.Conn{"simple": plain} {
		var n int
		var s string
		var b []byte
		must(c.QueryRow(ctx, "SELECT $1::int4 + 1, $2::text, $3::bytea", 1, "it's", []byte{0, 1}).Scan(&n, &s, &b))
		say(name, n, s, b)
	}
	for _, v := range []struct {
		kind  string
		value interface{}
	}{{"bool", true}, {"int2", int16(3)}, {"int4", 7}, {"int8", int64(1) << 40}, {"float4", float32(1.5)}, {"float8", 0.1}, {"text", "ä"}, {"bytea", []byte{0, 255}},
		{"timestamptz", time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}, {"date", time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}, {"int4[]", []int32{1, 2}},
		{"text[]", []string{"a", "b"}}, {"jsonb", map[string]int{"a": 1}}, {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, {"numeric", "1.10"}, {"mood", "ok"},
		{"positive", 5}, {"interval", time.Hour}, {"inet", "10.0.0.1/8"}} {
		var text string
		err := db.QueryRow(ctx, "SELECT ($1::"+v.kind+")::text", v.value).Scan(&text)
		say("parameter "+v.kind, text, err)
	}
	heading("pgx errors")
	for _, s := range broken {
		_, err := db.Exec(ctx, s)
		say(s, err)
	}
	_, err = db.Exec(ctx, "DROP TABLE IF EXISTS nowhere")
	say("notices", notices, err)
	heading("pgx transactions")
	err = db.BeginFunc(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO ledger VALUES (5000, 'five')")
		must(err)
		say("nested", tx.BeginFunc(ctx, func(inner pgx.Tx) error {
			_, err := inner.Exec(ctx, "INSERT INTO ledger VALUES (5000, 'again')")
			return err
		}))
		return nil
	})
	must(err)
	tx, err := db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly, DeferrableMode: pgx.Deferrable})
	must(err)
	_, err = tx.Exec(ctx, "UPDATE ledger SET v = ''")
	say("read only", err, tx.Rollback(ctx))
	heading("pgx batch")
	batch := &pgx.Batch{}
	batch.Queue("SELECT $1::int4 * 2", 4)
	batch.Queue("INSERT INTO ledger VALUES ($1, $2)", 6000, "batch")
	batch.Queue("SELECT id, v FROM ledger WHERE id = $1", 6000)
	results := db.SendBatch(ctx, batch)
	var doubled, id int
	var v string
	must(results.QueryRow().Scan(&doubled))
	tag, err := results.Exec()
	must(results.QueryRow().Scan(&id, &v))
	say("batch", doubled, tag.String(), err, id, v, results.Close())
	batch = &pgx.Batch{}
	batch.Queue("INSERT INTO ledger VALUES (7000, 'lost')")
	batch.Queue("SELECT 1 / $1::int4", 0)
	batch.Queue("SELECT 1")
	results = db.SendBatch(ctx, batch)
	_, err = results.Exec()
	say("first", err)
	say("second", results.QueryRow().Scan(&id))
	say("third", results.QueryRow().Scan(&id) != nil, results.Close() != nil)
	must(db.QueryRow(ctx, "SELECT count(*) FROM ledger WHERE id = 7000").Scan(&id))
	say("rolled back", id)
	heading("pgx copy")
	copied, err := db.CopyFrom(ctx, pgx.Identifier{"ledger"}, []string{"id", "v"}, pgx.CopyFromSlice(1000, func(i int) ([]interface{}, error) {
		return []interface{}{8000 + i, fmt.Sprint("row ", i)}, nil
	}))
	say("binary", copied, err)
	_, err = db.CopyFrom(ctx, pgx.Identifier{"ledger"}, []string{"id", "v"}, pgx.CopyFromRows([][]interface{}{{8000, "again"}}))
	say("duplicate", err)
	var out strings.Builder
	tag, err = db.PgConn().CopyTo(ctx, &out, "COPY (SELECT * FROM ledger WHERE id < 12 ORDER BY id) TO STDOUT (FORMAT csv, HEADER)")
	say("to", tag.String(), err, out.String())
	tag, err = db.PgConn().CopyFrom(ctx, strings.NewReader("9500,x\n9501,\n"), "COPY ledger FROM STDIN (FORMAT csv)")
	say("from", tag.String(), err)
	_, err = db.PgConn().CopyFrom(ctx, io.MultiReader(strings.NewReader("9600,x\n"), failing{}), "COPY ledger FROM STDIN (FORMAT csv)")
	say("given up", err)
	heading("pgx prepared, cancel, listen")
	description, err := db.Prepare(ctx, "named", "SELECT a, b, m FROM keyed WHERE a = $1 AND b = ANY($2)")
	must(err)
	names := []string{}
	for _, f := range description.Fields {
		names = append(names, fmt.Sprint(string(f.Name), " ", f.TableAttributeNumber, " ", f.DataTypeSize))
	}
	say("described", description.ParamOIDs, names)
	rows, err := db.Query(ctx, "named", 1, []string{"one", "two"})
	must(err)
	for rows.Next() {
		values, err := rows.Values()
		say("row", values, err)
	}
	must(db.Deallocate(ctx, "named"))
	_, err = db.Exec(ctx, "CREATE TABLE shape (a int4)")
	must(err)
	for _, change := range []string{"", "ALTER TABLE shape ADD COLUMN b text"} {
		_, err = db.Exec(ctx, "SELECT * FROM shape")
		must(err)
		if change != "" {
			_, err = plain.Exec(ctx, change)
			must(err)
		}
	}
	for i := 0; i < 2; i++ {
		_, err = db.Exec(ctx, "SELECT * FROM shape")
		say("changed", err)
	}
	short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	_, err = plain.Exec(short, "SELECT pg_sleep(1000)")
	stop()
	say("timeout", err != nil, plain.IsClosed())
	_, err = db.Exec(ctx, "LISTEN news")
	must(err)
	_, err = db.Exec(ctx, "SELECT pg_notify('news', 'ä')")
	must(err)
	note, err := db.WaitForNotification(ctx)
	say("heard", note.Channel, note.Payload, note.PID == db.PgConn().PID(), err)
	victim, err := pgx.ConnectConfig(ctx, pgxConfig(""))
	must(err)
	go func() {
		time.Sleep(200 * time.Millisecond)
		_ = victim.PgConn().CancelRequest(ctx)
	}()
	_, err = victim.Exec(ctx, "SELECT pg_sleep(1000)")
	say("cancelled", err)
	rows, err = victim.Query(ctx, "SELECT x, repeat('y', 100) FROM generate_series(1, 50000) x")
	must(err)
	total := 0
	for rows.Next() {
		var x int
		var text string
		must(rows.Scan(&x, &text))
		total += x + len(text)
	}
	say("large", total, rows.Err())
	must(victim.Close(ctx))
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("given up") }

func main() {
	pqProgram()
	pgxProgram()
}
