// JDBC: one line per fact, which is compared with what PostgreSQL 15 gave.
import java.io.*;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.time.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PGInterval;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

public class Client {
  static final String HOST = System.getenv("PGHOST"), PORT = System.getenv("PGPORT"), DATABASE = System.getenv("PGDATABASE");

  static void say(String label, Object... values) {
    StringBuilder line = new StringBuilder(label).append(": ");
    for (int i = 0; i < values.length; i++) line.append(i == 0 ? "" : " | ").append(show(values[i]));
    System.out.println(line.toString().replace("\n", "\\n"));
  }

  static String show(Object value) {
    try {
      if (value == null) return "null";
      if (value instanceof byte[]) return "bytes " + HexFormat.of().formatHex((byte[]) value);
      if (value instanceof Object[]) return Arrays.deepToString((Object[]) value);
      if (value instanceof java.sql.Array) {
        java.sql.Array array = (java.sql.Array) value;
        return array.getBaseTypeName() + " " + array + " " + show(array.getArray());
      }
      if (value instanceof SQLXML) return ((SQLXML) value).getString();
      return value.toString();
    } catch (SQLException e) {
      return "error " + e.getSQLState();
    }
  }

  static Connection connect(String more) throws SQLException {
    return connect(more, System.getenv("PGPASSWORD"));
  }

  static Connection connect(String more, String password) throws SQLException {
    Properties p = new Properties();
    p.setProperty("user", System.getenv("PGUSER"));
    p.setProperty("password", password);
    return DriverManager.getConnection("jdbc:postgresql://" + HOST + ":" + PORT + "/" + DATABASE
        + "?sslmode=require&ApplicationName=jdbc-test" + more, p);
  }

  static void run(Connection db, String... statements) throws SQLException {
    try (Statement s = db.createStatement()) {
      for (String sql : statements) s.execute(sql);
    }
  }

  static String rows(ResultSet set) throws SQLException {
    StringBuilder out = new StringBuilder();
    int n = set.getMetaData().getColumnCount();
    while (set.next()) {
      out.append('(');
      for (int i = 1; i <= n; i++) out.append(i == 1 ? "" : ", ").append(show(set.getObject(i)));
      out.append(')');
    }
    return out.toString();
  }

  static String query(Connection db, String sql, Object... values) throws SQLException {
    try (PreparedStatement s = db.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) s.setObject(i + 1, values[i]);
      return rows(s.executeQuery());
    }
  }

  interface Work {
    void go() throws Exception;
  }

  static void fails(String label, Work work) throws Exception {
    try {
      work.go();
      say(label, "no error");
    } catch (PSQLException e) {
      ServerErrorMessage m = e.getServerErrorMessage();
      if (m == null) say(label, e.getSQLState(), e.getMessage());
      else
        say(label, e.getSQLState(), m.getMessage(), m.getDetail(), m.getHint(), m.getPosition(), m.getSchema(), m.getTable(),
            m.getColumn(), m.getConstraint(), m.getDatatype(), m.getWhere());
    } catch (BatchUpdateException e) {
      say(label, e.getSQLState(), Arrays.toString(e.getUpdateCounts()), e.getNextException().getMessage());
    }
  }

  public static void main(String[] args) throws Exception {
    TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
    Locale.setDefault(Locale.ROOT);
    fails("wrong password", () -> connect("", "wrong"));
    try (Connection db = connect("")) {
      DatabaseMetaData meta = db.getMetaData();
      say("connect", meta.getDatabaseProductName(), meta.getDatabaseMajorVersion(), meta.getUserName(), db.getSchema(), db.getCatalog().equals(DATABASE));
      run(db, "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')", "CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)",
          "CREATE TYPE address AS (street text, number int4)");
      types(db);
      setters(db);
      errors(db);
      transactions(db);
      cursors(db);
      generated(db);
      prepared(db);
      copy(db);
      notifications(db);
      cancel(db);
      run(db, "CREATE VIEW seen AS SELECT a, b FROM keyed", "CREATE SEQUENCE counter", "COMMENT ON TABLE keyed IS 'remarks'",
          "COMMENT ON COLUMN keyed.b IS 'a text'", "CREATE INDEX keyed_part ON keyed (c DESC, b) WHERE c > 0", "CREATE INDEX keyed_lower ON keyed (lower(b))",
          "CREATE FUNCTION twice(n int4) RETURNS int4 LANGUAGE sql AS 'SELECT n * 2'", "GRANT SELECT, INSERT ON keyed TO PUBLIC");
      MetaData.all(db);
      zones();
    }
  }

  static final String[][] VALUES = {
    {"bool", "true"}, {"int2", "-32768"}, {"int4", "2147483647"}, {"int8", "-9223372036854775808"}, {"oid", "4294967295"},
    {"float4", "1.5"}, {"float4", "NaN"}, {"float8", "0.1"}, {"float8", "-Infinity"}, {"numeric", "12345678901234567890.123456789"},
    {"numeric", "0"}, {"numeric(10,2)", "-0.05"}, {"numeric", "1000000000000"}, {"money", "$1,234.50"}, {"text", "äö \"q\" \\ 🙂"}, {"text", ""},
    {"varchar(10)", "abc"}, {"char(5)", "ab"}, {"name", "a_name"}, {"bytea", "\\x00ff10"}, {"date", "2024-02-29"}, {"date", "infinity"},
    {"time", "23:59:59.999"}, {"timetz", "12:34:56+05:30"}, {"timestamp", "2024-02-29 12:34:56.789012"}, {"timestamptz", "2024-02-29 12:34:56.789012+02"},
    {"timestamptz", "-infinity"}, {"interval", "1 year 3 days 04:05:06.789"}, {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {"json", "{\"a\": [1, null]}"}, {"jsonb", "{\"b\": 1.5, \"a\": {}}"}, {"xml", "<a/>"}, {"inet", "192.168.1.5/24"}, {"cidr", "10.0.0.0/8"},
    {"macaddr", "08:00:2b:01:02:03"}, {"bit(1)", "1"}, {"bit(4)", "1010"}, {"varbit", "10101"}, {"point", "(1,2.5)"}, {"line", "{1,2,3}"},
    {"lseg", "[(1,2),(3,4)]"}, {"box", "(3,4),(1,2)"}, {"path", "((1,2),(3,4))"}, {"polygon", "((1,2),(3,4))"}, {"circle", "<(1,2),3>"},
    {"int4range", "[1,10)"}, {"tstzrange", "[\"2024-01-01 00:00:00+00\",)"}, {"int4multirange", "{[1,3),[5,8)}"}, {"tsvector", "'a':1 'b':2A"},
    {"bool[]", "{t,NULL,f}"}, {"int2[]", "{1,2}"}, {"int4[]", "{{1,2},{3,4}}"}, {"int8[]", "{}"}, {"float4[]", "{1.5}"}, {"float8[]", "{0.1,NaN}"},
    {"numeric[]", "{1.10,2}"}, {"text[]", "{a,\"b c\",\"\",NULL,\"NULL\"}"}, {"date[]", "{2024-02-29}"}, {"timestamptz[]", "{\"2024-02-29 10:34:56+00\"}"},
    {"uuid[]", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"}, {"bytea[]", "{\"\\\\x0102\"}"}, {"mood", "happy"}, {"mood[]", "{sad,happy}"}, {"positive", "7"},
    {"address", "(\"Main St\",12)"}, {"address[]", "{\"(\\\"Main St\\\",12)\"}"},
  };

  static int tables = 0;

  static void types(Connection db) throws Exception {
    System.out.println("# types");
    for (String mode : new String[] {"text", "binary"}) {
      try (Connection c = connect(mode.equals("binary") ? "&prepareThreshold=-1" : "&binaryTransfer=false")) {
        for (String[] v : VALUES) {
          String one = "one" + ++tables;
          run(c, "CREATE TEMP TABLE " + one + " (v " + v[0] + ")");
          try (PreparedStatement insert = c.prepareStatement("INSERT INTO " + one + " VALUES (?), (NULL)")) {
            insert.setObject(1, v[1], Types.OTHER);
            insert.executeUpdate();
          }
          try (PreparedStatement select = c.prepareStatement("SELECT v, v::text FROM " + one + " ORDER BY v IS NULL")) {
            for (int i = 0; i < 2; i++) {
              try (ResultSet set = select.executeQuery()) {
                ResultSetMetaData m = set.getMetaData();
                set.next();
                Object object = null;
                try {
                  object = set.getObject(1);
                } catch (SQLException e) {
                  object = e.getSQLState();
                }
                String text = set.getString(2);
                set.next();
                set.getObject(1);
                if (i == 1)
                  say(mode + " " + v[0], object, object == null ? null : object.getClass().getSimpleName(), text, set.wasNull(), m.getColumnTypeName(1),
                      m.getColumnType(1), m.getPrecision(1), m.getScale(1), m.getColumnDisplaySize(1), m.getColumnClassName(1), m.isSigned(1), m.isCaseSensitive(1));
              }
            }
          }
        }
      }
    }
  }

  static void setters(Connection db) throws Exception {
    System.out.println("# setters");
    for (int threshold : new int[] {0, 1, -1}) {
      try (Connection c = connect("&prepareThreshold=" + threshold)) {
        String sql = "SELECT ?::bool, ?::int2, ?::int4, ?::int8, ?::float4, ?::float8, ?::numeric, ?::text, ?::bytea, ?::date, ?::time, ?::timestamp, "
            + "?::timestamptz, ?::uuid, ?::int4[], ?::text[], ?::jsonb, ?::interval, ?::mood, ?::address, ?::text";
        try (PreparedStatement s = c.prepareStatement(sql)) {
          for (int i = 0; i < 3; i++) {
            s.setBoolean(1, true);
            s.setShort(2, (short) -5);
            s.setInt(3, 7);
            s.setLong(4, Long.MAX_VALUE);
            s.setFloat(5, 1.5f);
            s.setDouble(6, Double.NaN);
            s.setBigDecimal(7, new BigDecimal("-1.10"));
            s.setString(8, "ä'\\");
            s.setBytes(9, new byte[] {0, -1});
            s.setDate(10, java.sql.Date.valueOf("2024-02-29"));
            s.setTime(11, Time.valueOf("01:02:03"));
            s.setTimestamp(12, Timestamp.valueOf("2024-02-29 01:02:03.000004"));
            s.setObject(13, OffsetDateTime.parse("2024-02-29T01:02:03+02:00"));
            s.setObject(14, UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"));
            s.setArray(15, c.createArrayOf("int4", new Object[] {1, null, 3}));
            s.setArray(16, c.createArrayOf("text", new Object[] {"a", "b \"c\"", null, ""}));
            s.setObject(17, "{\"a\": 1}", Types.OTHER);
            s.setObject(18, new PGInterval(1, 2, 3, 4, 5, 6.5));
            s.setObject(19, "ok", Types.OTHER);
            s.setObject(20, "(x,1)", Types.OTHER);
            s.setNull(21, Types.VARCHAR);
            String got = rows(s.executeQuery());
            if (i == 2) say("threshold " + threshold, got);
          }
          ParameterMetaData m = s.getParameterMetaData();
          StringBuilder names = new StringBuilder();
          for (int i = 1; i <= m.getParameterCount(); i++) names.append(m.getParameterTypeName(i)).append(' ').append(m.getParameterType(i)).append(' ');
          say("parameters", names);
        }
      }
    }
    try (PreparedStatement s = db.prepareStatement("SELECT ?::timestamp, ?::timestamptz, ?::date, ?::time, ?::timetz, ?::text")) {
      s.setObject(1, LocalDateTime.of(2024, 7, 1, 12, 0));
      s.setObject(2, Instant.parse("2024-07-01T12:00:00Z").atOffset(ZoneOffset.UTC));
      s.setObject(3, LocalDate.of(2024, 7, 1));
      s.setObject(4, LocalTime.of(12, 30));
      s.setObject(5, OffsetTime.parse("12:30:00+05:00"));
      s.setCharacterStream(6, new StringReader("stream"));
      ResultSet set = s.executeQuery();
      set.next();
      say("java.time", set.getObject(1, LocalDateTime.class), set.getObject(2, OffsetDateTime.class), set.getObject(3, LocalDate.class),
          set.getObject(4, LocalTime.class), set.getObject(5, OffsetTime.class), set.getString(6));
    }
  }

  static void errors(Connection db) throws Exception {
    System.out.println("# errors");
    run(db, "CREATE TABLE keyed (a int4 PRIMARY KEY, b varchar(40) NOT NULL UNIQUE DEFAULT 'none', c numeric(8,2) CHECK (c >= 0), d int4 REFERENCES keyed ON DELETE CASCADE, p positive, m mood)",
        "INSERT INTO keyed (a, b) VALUES (1, 'one'), (2, 'two')");
    for (String sql : new String[] {"INSERT INTO keyed VALUES (1, 'x')", "INSERT INTO keyed (a, b) VALUES (3, NULL)", "INSERT INTO keyed VALUES (3, 'x', -1)",
        "INSERT INTO keyed VALUES (3, 'x', 1, 77)", "INSERT INTO keyed VALUES (3, 'x', 1, 1, 0)", "INSERT INTO keyed (a, b, m) VALUES (3, 'x', 'angry')",
        "SELECT nothing FROM keyed", "SELECT * FROM \"äö\" WHERE true", "SELECT 1 FRM x", "SELECT nope(1)", "SELECT 1 / 0", "SELECT 'abc'::int4",
        "INSERT INTO keyed VALUES (3, repeat('x', 50))", "INSERT INTO keyed VALUES (3, 'x', 12345678)", "DROP TYPE mood"})
      fails(sql, () -> run(db, sql));
    fails("parameter", () -> query(db, "SELECT ?::int4", "abc"));
    fails("type", () -> query(db, "SELECT * FROM keyed WHERE a = ?", "1"));
    try (Statement s = db.createStatement()) {
      s.execute("DROP TABLE IF EXISTS nowhere");
      for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) say("warning", w.getSQLState(), w.getMessage());
    }
  }

  static void transactions(Connection db) throws Exception {
    System.out.println("# transactions");
    run(db, "CREATE TABLE ledger (id int4 PRIMARY KEY, v text)");
    try (Connection other = connect("&autosave=conservative")) {
      db.setAutoCommit(false);
      run(db, "INSERT INTO ledger VALUES (1, 'one')");
      say("unseen", query(other, "SELECT count(*) FROM ledger"));
      Savepoint s = db.setSavepoint("spot");
      fails("inside", () -> run(db, "INSERT INTO ledger VALUES (1, 'again')"));
      fails("aborted", () -> run(db, "SELECT 1"));
      db.rollback(s);
      run(db, "INSERT INTO ledger VALUES (2, 'two')");
      Savepoint unnamed = db.setSavepoint();
      db.releaseSavepoint(unnamed);
      db.commit();
      say("committed", query(other, "SELECT * FROM ledger ORDER BY 1"));
      run(db, "DELETE FROM ledger");
      db.rollback();
      for (int level : new int[] {1, 2, 4, 8}) {
        db.setTransactionIsolation(level);
        say("isolation " + level, db.getTransactionIsolation(), query(db, "SELECT current_setting('transaction_isolation')"));
        db.commit();
      }
      db.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
      query(db, "SELECT * FROM ledger");
      run(other, "UPDATE ledger SET v = 'changed' WHERE id = 1");
      fails("serialization", () -> run(db, "UPDATE ledger SET v = 'lost' WHERE id = 1"));
      db.rollback();
      db.setReadOnly(true);
      fails("read only", () -> run(db, "DELETE FROM ledger"));
      db.rollback();
      db.setReadOnly(false);
      other.setAutoCommit(false);
      fails("autosave", () -> run(other, "SELECT 1 / 0"));
      other.commit();
      db.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
      db.setAutoCommit(true);
    }
  }

  static void cursors(Connection db) throws Exception {
    System.out.println("# cursors");
    db.setAutoCommit(false);
    try (PreparedStatement s = db.prepareStatement("SELECT x, md5(x::text) FROM generate_series(1, ?) x")) {
      s.setFetchSize(1000);
      s.setInt(1, 50000);
      long total = 0;
      ResultSet set = s.executeQuery();
      while (set.next()) total += set.getInt(1) + set.getString(2).length();
      say("fetch size", total);
      s.setMaxRows(7);
      say("max rows", rows(s.executeQuery()).length());
    }
    try (Statement s = db.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
      ResultSet set = s.executeQuery("SELECT a, b FROM keyed ORDER BY a");
      set.last();
      say("scroll", set.getRow(), set.getString(2), set.previous(), set.getString("b"), set.absolute(2), set.getInt("a"));
      set.updateString("b", "updated");
      set.updateRow();
      set.moveToInsertRow();
      set.updateInt("a", 9);
      set.updateString("b", "nine");
      set.insertRow();
      set.absolute(1);
      say("updatable", query(db, "SELECT a, b FROM keyed ORDER BY a"), set.getMetaData().getTableName(1), set.getMetaData().isAutoIncrement(1), set.getMetaData().isNullable(2));
    }
    db.commit();
    try (Statement s = db.createStatement(ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY, ResultSet.HOLD_CURSORS_OVER_COMMIT)) {
      s.setFetchSize(2);
      ResultSet set = s.executeQuery("SELECT x FROM generate_series(1, 5) x");
      set.next();
      say("several results", s.execute("SELECT 1; UPDATE keyed SET c = 1 WHERE a = 1; SELECT 2"), s.getMoreResults(), s.getUpdateCount(), s.getMoreResults(), rows(s.getResultSet()));
    }
    db.commit();
    run(db, "CREATE FUNCTION cursor_of(n int4) RETURNS SETOF int4 LANGUAGE sql AS 'SELECT x FROM generate_series(1, n) x'");
    try (CallableStatement call = db.prepareCall("{? = call length(?)}")) {
      call.registerOutParameter(1, Types.INTEGER);
      call.setString(2, "four");
      call.execute();
      say("call", call.getInt(1));
    }
    say("escape", query(db, "SELECT {fn concat('a', 'b')}, {d '2024-01-01'}, {ts '2024-01-01 00:00:00'}, {fn dayofweek({d '2024-01-01'})}"));
    db.setAutoCommit(true);
  }

  static void generated(Connection db) throws Exception {
    System.out.println("# generated keys, batches");
    run(db, "CREATE TABLE gen (id int8 GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, t text, at timestamptz DEFAULT '2024-01-01 00:00:00+00', up text GENERATED ALWAYS AS (upper(t)) STORED, s serial)");
    try (PreparedStatement s = db.prepareStatement("INSERT INTO gen (t) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
      s.setString(1, "one");
      s.executeUpdate();
      say("all", rows(s.getGeneratedKeys()));
      for (int i = 0; i < 3; i++) {
        s.setString(1, "batch" + i);
        s.addBatch();
      }
      say("batch", Arrays.toString(s.executeBatch()), rows(s.getGeneratedKeys()));
    }
    try (PreparedStatement s = db.prepareStatement("INSERT INTO gen (t) VALUES (?)", new String[] {"id", "up"})) {
      s.setString(1, "named");
      s.executeUpdate();
      say("named", rows(s.getGeneratedKeys()));
    }
    for (String rewrite : new String[] {"false", "true"}) {
      try (Connection c = connect("&reWriteBatchedInserts=" + rewrite)) {
        c.setAutoCommit(false);
        run(c, "CREATE TEMP TABLE batch (a int4 PRIMARY KEY, b text)");
        try (PreparedStatement s = c.prepareStatement("INSERT INTO batch (a, b) VALUES (?, ?)")) {
          for (int i = 0; i < 1000; i++) {
            s.setInt(1, i);
            s.setString(2, i % 3 == 0 ? null : "b" + i);
            s.addBatch();
          }
          int[] counts = s.executeBatch();
          say("rewrite " + rewrite, counts.length, counts[0], query(c, "SELECT count(*), count(b), sum(a) FROM batch"));
          c.commit();
          for (int i = 1000; i > 995; i--) {
            s.setInt(1, i);
            s.setString(2, "x");
            s.addBatch();
          }
          fails("duplicate", s::executeBatch);
          c.rollback();
        }
        try (Statement s = c.createStatement()) {
          s.addBatch("UPDATE batch SET b = 'y' WHERE a < 5");
          s.addBatch("DELETE FROM batch WHERE a > 900");
          say("statements", Arrays.toString(s.executeBatch()));
        }
        c.commit();
      }
    }
  }

  static void prepared(Connection db) throws Exception {
    System.out.println("# prepared");
    try (Connection c = connect("&prepareThreshold=3"); PreparedStatement s = c.prepareStatement("SELECT a + ? FROM keyed WHERE a <= ? ORDER BY 1")) {
      for (int i = 0; i < 6; i++) {
        s.setInt(1, i);
        s.setInt(2, 2);
        String got = rows(s.executeQuery());
        say("run " + i, got, query(c, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%keyed%'"));
      }
      run(c, "CREATE TABLE shape (a int4)", "INSERT INTO shape VALUES (1)");
      try (PreparedStatement shape = c.prepareStatement("SELECT * FROM shape")) {
        for (int i = 0; i < 5; i++) rows(shape.executeQuery());
        run(c, "ALTER TABLE shape ADD COLUMN b text DEFAULT 'new'");
        say("changed", rows(shape.executeQuery()));
        run(c, "DISCARD ALL");
        say("discarded", rows(shape.executeQuery()));
      }
    }
    try (PreparedStatement s = db.prepareStatement("SELECT m, a AS alias, count(*) OVER () FROM keyed WHERE a = ? AND b LIKE ?")) {
      ResultSetMetaData m = s.getMetaData();
      for (int i = 1; i <= m.getColumnCount(); i++)
        say("described", m.getColumnLabel(i), m.getColumnName(i), m.getTableName(i), m.getSchemaName(i), m.getColumnTypeName(i), m.isNullable(i));
    }
    for (String mode : new String[] {"simple", "extended", "extendedForPrepared", "extendedCacheEverything"})
      try (Connection c = connect("&preferQueryMode=" + mode)) {
        say(mode, query(c, "SELECT CAST(? AS int4) + 1, CAST(? AS text)", 1, "x'"));
      }
    try (Connection c = connect("&stringtype=unspecified")) {
      say("unspecified", query(c, "SELECT a FROM keyed WHERE a = ? AND m IS NOT DISTINCT FROM ?", "1", null));
    }
  }

  static void copy(Connection db) throws Exception {
    System.out.println("# copy");
    CopyManager manager = db.unwrap(PGConnection.class).getCopyAPI();
    run(db, "CREATE TABLE copied (a int4 PRIMARY KEY, b text)");
    say("in", manager.copyIn("COPY copied FROM STDIN", new StringReader("1\tone\n2\t\\N\n")));
    say("csv", manager.copyIn("COPY copied FROM STDIN (FORMAT csv, HEADER)", new ByteArrayInputStream("a,b\n3,\"x, \"\"y\"\"\"\n".getBytes(StandardCharsets.UTF_8))));
    StringWriter out = new StringWriter();
    say("out", manager.copyOut("COPY copied TO STDOUT", out), out);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    say("binary", manager.copyOut("COPY copied TO STDOUT (FORMAT binary)", bytes), bytes.toByteArray());
    run(db, "TRUNCATE copied");
    say("binary in", manager.copyIn("COPY copied FROM STDIN (FORMAT binary)", new ByteArrayInputStream(bytes.toByteArray())), query(db, "TABLE copied"));
    fails("bad", () -> manager.copyIn("COPY copied FROM STDIN", new StringReader("4\tx\nzz\ty\n")));
    var in = manager.copyIn("COPY copied FROM STDIN");
    in.writeToCopy("9\tnine\n".getBytes(), 0, 7);
    in.cancelCopy();
    say("cancelled", query(db, "SELECT count(*) FROM copied"));
  }

  static void notifications(Connection db) throws Exception {
    System.out.println("# notifications");
    try (Connection listener = connect("")) {
      run(listener, "LISTEN news");
      run(db, "NOTIFY news, 'hello'");
      query(db, "SELECT pg_notify('news', ?)::text", "ä");
      List<String> heard = new ArrayList<>();
      while (heard.size() < 2) {
        PGNotification[] more = listener.unwrap(PGConnection.class).getNotifications(10000);
        for (PGNotification n : more == null ? new PGNotification[0] : more) heard.add(n.getName() + " " + n.getParameter() + " " + (n.getPID() == db.unwrap(PGConnection.class).getBackendPID()));
      }
      say("heard", heard);
    }
  }

  static void cancel(Connection db) throws Exception {
    System.out.println("# cancel");
    try (Statement s = db.createStatement()) {
      Thread t = new Thread(() -> {
        try {
          Thread.sleep(200);
          s.cancel();
        } catch (Exception e) {
          say("cancel", e.toString());
        }
      });
      t.start();
      fails("cancelled", () -> s.execute("SELECT pg_sleep(1000)"));
      t.join();
      s.setQueryTimeout(1);
      fails("timeout", () -> s.execute("SELECT pg_sleep(1000)"));
    }
    say("valid", db.isValid(5), query(db, "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"));
    db.setClientInfo("ApplicationName", "renamed");
    say("renamed", query(db, "SHOW application_name"));
    db.setSchema("pg_catalog");
    say("schema", db.getSchema());
    db.setSchema("public");
  }

  static void zones() throws Exception {
    System.out.println("# zones");
    for (String zone : new String[] {"Europe/Berlin", "America/New_York", "Asia/Kathmandu"}) {
      TimeZone.setDefault(TimeZone.getTimeZone(zone));
      for (String more : new String[] {"&prepareThreshold=-1", "&prepareThreshold=0"})
        try (Connection c = connect(more);
            PreparedStatement s = c.prepareStatement("SELECT timestamptz '2024-07-01 12:00:00+00', timestamp '2024-07-01 12:00:00', date '2024-07-01', time '12:00', ?::timestamptz::text, current_setting('timezone')")) {
          s.setTimestamp(1, new Timestamp(1704067200000L));
          rows(s.executeQuery());
          ResultSet set = s.executeQuery();
          set.next();
          say(zone, set.getTimestamp(1).getTime(), set.getTimestamp(2).getTime(), set.getTimestamp(2, Calendar.getInstance(TimeZone.getTimeZone("UTC"))).getTime(),
              set.getDate(3), set.getTime(4), set.getString(5), set.getString(6), set.getString(1), set.getObject(1, OffsetDateTime.class));
        }
    }
    TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
    char[] big = new char[5_000_000];
    Arrays.fill(big, 'x');
    try (Connection c = connect(""); PreparedStatement s = c.prepareStatement("SELECT ?, length(?)")) {
      String text = new String(big);
      s.setString(1, text);
      s.setString(2, text);
      ResultSet set = s.executeQuery();
      set.next();
      say("large", set.getString(1).equals(text), set.getInt(2));
    }
  }
}
