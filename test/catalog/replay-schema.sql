-- What the clients of the corpora have before them in the replay test: one of everything that both servers make.
CREATE ROLE bob LOGIN CONNECTION LIMIT 5;
CREATE ROLE readers NOLOGIN;
CREATE ROLE auditor LOGIN NOINHERIT CREATEROLE VALID UNTIL '2038-01-01 00:00:00+00';
GRANT readers TO bob WITH ADMIN OPTION;
GRANT pg_read_all_data TO auditor;
COMMENT ON ROLE readers IS 'those who read';
ALTER ROLE bob SET work_mem = '8MB';
ALTER DATABASE shop SET statement_timeout = '1min';
COMMENT ON DATABASE shop IS 'the shop';
GRANT CONNECT ON DATABASE shop TO bob;

CREATE SCHEMA app;
COMMENT ON SCHEMA app IS 'the application';
GRANT USAGE ON SCHEMA app TO readers;
CREATE SCHEMA "odd Schema" AUTHORIZATION bob;

CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE app.mood ADD VALUE 'calm' BEFORE 'happy';
COMMENT ON TYPE app.mood IS 'how one feels';
CREATE TYPE app.addr AS (street text, zip integer, tags text[]);
COMMENT ON COLUMN app.addr.zip IS 'five digits';
CREATE DOMAIN app.email AS text CONSTRAINT email_check CHECK (VALUE LIKE '%@%');
CREATE DOMAIN app.quantity AS integer DEFAULT 1 NOT NULL CHECK (VALUE > 0) CHECK (VALUE < 1000);
COMMENT ON DOMAIN app.quantity IS 'how many';
COMMENT ON CONSTRAINT email_check ON DOMAIN app.email IS 'has an at sign';
CREATE TYPE app.floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
GRANT USAGE ON TYPE app.mood TO readers;
REVOKE USAGE ON TYPE app.email FROM PUBLIC;

CREATE FUNCTION add2(a integer, b integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT a + b';
COMMENT ON FUNCTION add2(integer, integer) IS 'adds two';
CREATE FUNCTION app.add2(a text, b text DEFAULT 'x'::text) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT a || b';
REVOKE EXECUTE ON FUNCTION app.add2(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.add2(text, text) TO bob;
CREATE PROCEDURE pr(x integer) LANGUAGE sql AS 'SELECT x';
CREATE FUNCTION app.series(n integer, OUT a integer, OUT b text) RETURNS SETOF record LANGUAGE sql ROWS 7 COST 3
  AS 'SELECT g, g::text FROM generate_series(1, n) g';
CREATE FUNCTION app.moods(VARIADIC m app.mood[]) RETURNS TABLE (m app.mood, "n of it" bigint) LANGUAGE sql
  AS 'SELECT x, count(*) FROM unnest(m) x GROUP BY x';
CREATE FUNCTION app.twice(integer) RETURNS integer LANGUAGE sql LEAKPROOF AS 'SELECT $1 * 2';

CREATE TABLE users (
  id bigserial PRIMARY KEY,
  name character varying(80) NOT NULL,
  mail app.email,
  mood app.mood DEFAULT 'ok',
  tags text[] DEFAULT '{}',
  data jsonb,
  full_name text GENERATED ALWAYS AS ((name)::text || '!') STORED,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  balance numeric(12,2) DEFAULT 0.00,
  CONSTRAINT users_name_key UNIQUE (name),
  CONSTRAINT users_balance_check CHECK (balance >= 0)
);
COMMENT ON TABLE users IS 'who uses it';
COMMENT ON COLUMN users.mail IS 'where to write';
COMMENT ON CONSTRAINT users_balance_check ON users IS 'no debts';
CREATE INDEX users_lower_idx ON users (lower(name) text_pattern_ops DESC NULLS LAST) WHERE balance > 10;
CREATE UNIQUE INDEX users_mail_idx ON users (mail) INCLUDE (name, mood) NULLS NOT DISTINCT;
COMMENT ON INDEX users_mail_idx IS 'one each';
GRANT SELECT ON users TO PUBLIC;
GRANT SELECT, INSERT, UPDATE ON users TO readers WITH GRANT OPTION;
GRANT UPDATE (name, mail) ON users TO bob;
ALTER TABLE users CLUSTER ON users_pkey;

CREATE TABLE messages (
  id integer GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5) PRIMARY KEY,
  user_id bigint NOT NULL,
  body text COLLATE "C" DEFAULT 'it''s',
  created_at timestamp(3) without time zone DEFAULT CURRENT_TIMESTAMP,
  dropped integer,
  "Odd Name" bit varying(5),
  place point,
  CONSTRAINT messages_user_fk FOREIGN KEY (user_id) REFERENCES users (id) ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED
);
ALTER TABLE messages DROP COLUMN dropped;
ALTER TABLE messages ADD CONSTRAINT messages_body_check CHECK (body <> '') NOT VALID;
CREATE INDEX messages_user_idx ON messages (user_id, created_at DESC);
CREATE INDEX messages_hash_idx ON messages USING hash (body);
ALTER TABLE messages ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE messages ALTER COLUMN user_id SET STATISTICS 50;
ALTER TABLE messages ENABLE ROW LEVEL SECURITY;
CREATE POLICY p1 ON messages FOR SELECT TO bob, readers USING (user_id > 0);
CREATE POLICY p2 ON messages AS RESTRICTIVE FOR UPDATE USING (body IS NOT NULL) WITH CHECK (user_id < 1000);
COMMENT ON POLICY p1 ON messages IS 'only real users';

CREATE TABLE parent (a integer, a2 integer, b text);
CREATE TABLE child (x smallint, y date, z interval day to second(3), PRIMARY KEY (y, x), FOREIGN KEY (x, y) REFERENCES child (x, y) MATCH FULL ON DELETE RESTRICT,
  UNIQUE (x, y));
CREATE TABLE app.orders (
  no integer NOT NULL, line integer NOT NULL, n app.quantity, home app.addr, spans app.floatrange, during tstzrange, moods app.mood[], money money, ip inet, m macaddr,
  u uuid, j json, x xml, b bytea, ts tsvector, o oid, r regclass, c "char", f4 real, f8 double precision, t time(2) with time zone, ch character(7), bt bit(3),
  nm name, va numeric, box box, mr int4multirange, PRIMARY KEY (no, line)
);
ALTER TABLE app.orders OWNER TO bob;
ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;
CREATE UNLOGGED TABLE metrics (at timestamp without time zone NOT NULL, value double precision);
CREATE TABLE metrics_2026 (LIKE metrics INCLUDING ALL);
CREATE TABLE "odd Schema"."Table ""q""" ("A b" integer PRIMARY KEY, "select" text);

CREATE VIEW v_user AS SELECT u.id, u.name, m.body FROM users u LEFT JOIN messages m ON m.user_id = u.id WHERE u.balance > 0::numeric;
COMMENT ON VIEW v_user IS 'users and what they say';
ALTER VIEW v_user ALTER COLUMN name SET DEFAULT 'nobody';
CREATE VIEW app.checked WITH (security_barrier = true) AS SELECT id, name FROM users WHERE id > 5 WITH LOCAL CHECK OPTION;
CREATE RECURSIVE VIEW app.countdown (n) AS VALUES (3) UNION ALL SELECT n - 1 FROM countdown WHERE n > 0;
GRANT SELECT ON v_user TO bob;
CREATE MATERIALIZED VIEW mv_user AS SELECT name, count(*) AS n FROM users GROUP BY name;
CREATE UNIQUE INDEX mv_user_idx ON mv_user (name);
COMMENT ON MATERIALIZED VIEW mv_user IS 'kept';
CREATE MATERIALIZED VIEW app.empty AS SELECT 1 AS one WITH NO DATA;

CREATE SEQUENCE app.s1 AS smallint INCREMENT BY 2 MINVALUE -10 MAXVALUE 100 START WITH 4 CACHE 5 CYCLE;
COMMENT ON SEQUENCE app.s1 IS 'by two';
CREATE SEQUENCE loose OWNED BY parent.a;
GRANT USAGE ON SEQUENCE app.s1 TO readers;

ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO readers;
ALTER DEFAULT PRIVILEGES FOR ROLE bob REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE FUNCTION app.to_mood(integer) RETURNS app.mood LANGUAGE sql IMMUTABLE AS 'SELECT ''ok''::app.mood';
CREATE CAST (integer AS app.mood) WITH FUNCTION app.to_mood(integer) AS ASSIGNMENT;
COMMENT ON CAST (integer AS app.mood) IS 'all is well';

INSERT INTO users (name, mail, mood, tags, data, created_at, balance) VALUES
  ('u1', 'u1@example.org', 'happy', '{a,b}', '{"k": [1, 2]}', '2026-01-02 03:04:05.678+00', 12.5),
  ('u2', NULL, NULL, NULL, NULL, '2026-02-03 04:05:06+00', 0);
INSERT INTO messages (user_id, body, created_at) VALUES (1, 'hello', '2026-01-02 03:04:05'), (1, 'again', NULL);
INSERT INTO parent VALUES (1, 2, 'x'), (3, NULL, NULL);
REFRESH MATERIALIZED VIEW mv_user;
SELECT nextval('app.s1');
