select 1
select 1, 'a', null, true, 1.5, 1e10, 9223372036854775807, 9223372036854775808
select -5, - 5, +5, -2147483648, -9223372036854775808
select 1+1, 1+1.5, 1+2::int8, 1.5::float8 + 1, 2::int2 + 2::int2, 7/2, 7%2, 2^3, |/ 4, @ -5, !!NULL
select 'a' || 'b', 'a' || 1, 1 || 'a', 'a'::text || null
select '1' + 1, 1 = '1', '2020-01-01'::date + 1, date '2020-01-01' - date '2019-01-01'
select now(), current_timestamp, current_date, localtime, localtimestamp, current_time, current_timestamp(3)
select current_user, session_user, user, current_role, current_catalog, current_schema
select interval '1 day', interval '1' hour, interval '1.5' second(1), '1 day'::interval day to second(3)
select timestamp '2020-01-01' + interval '1 day', now() - interval '1 hour', now() - now(), '10:00'::time + interval '1 hour'
select cast(1 as text), 1::varchar(5), 'abc'::char(2), 1::numeric(10,2), 'x'::bpchar, 1::bit(3), '1'::bit varying(5)
select '{1,2}'::int[], array[1,2,3], array['a','b'], array[1,2.5], array[[1,2],[3,4]], array[]::text[], '{}'::text[]
select (array[1,2,3])[1], (array[1,2,3])[1:2], array[1,2] || 3, array[1,2] || array[3], 0 || array[1]
select row(1,'a'), (row(1,2)), row(1,2) = row(1,3), (1,2) < (3,4), row(1,null) is null
select case when true then 1 else 2.5 end, case 1 when 1 then 'a' when 2 then 'b' end, case when false then null end
select coalesce(1, 2), coalesce(null, 'a'), nullif(1, 2), nullif('a','b'), greatest(1, 2.5, 3), least('a','b')
select 1 in (1,2,3), 1 not in (1,2), 'a' in ('a','b'), 1 in (1, 2.5), null in (1)
select 1 between 0 and 2, 1 not between 0 and 2, 'b' between 'a' and 'c', 2 between symmetric 3 and 1
select 'abc' like 'a%', 'abc' not like 'b%', 'abc' ilike 'A%', 'abc' similar to 'a%', 'abc' ~ 'b', 'abc' !~* 'B', 'a%' like 'a\%' escape '\'
select 1 is null, 1 is not null, true is true, null is unknown, 1 is distinct from 2, null is not distinct from null, 1 isnull
select extract(year from now()), extract(epoch from interval '1 day'), date_part('year', now()), date_trunc('day', now())
select position('a' in 'abc'), substring('abc' from 2), substring('abc' from 2 for 1), substring('abc', 2), overlay('abc' placing 'x' from 2), trim('  a '), trim(leading 'x' from 'xa'), trim(both from 'a'), rtrim('a ')
select now() at time zone 'UTC', timestamp '2020-01-01' at time zone 'UTC', '10:00'::timetz at time zone 'UTC'
select upper('a'), length('abc'), abs(-1), abs(-1.5), round(1.5), round(1.55, 1), floor(1.5), ceil(1.5::float8), sqrt(4), power(2,3), mod(7,3), random()
select to_char(now(), 'YYYY'), to_char(1, '999'), to_date('2020','YYYY'), to_number('1','9'), to_timestamp(0)
select md5('a'), encode('a'::bytea, 'hex'), decode('61','hex'), concat('a', 1, null), concat_ws(',', 'a', 'b'), format('%s', 1), replace('a','b','c'), split_part('a,b', ',', 1), repeat('a', 3), reverse('abc'), lpad('a', 3), left('abc', 2), strpos('a','b'), initcap('a'), chr(65), ascii('A')
select '{"a":1}'::json -> 'a', '{"a":1}'::json ->> 'a', '{"a":1}'::jsonb #> '{a}', '{"a":1}'::jsonb @> '{"a":1}', '{"a":1}'::jsonb ? 'a', '{"a":1}'::jsonb - 'a', '{}'::jsonb || '{}'::jsonb, jsonb_build_object('a', 1), to_jsonb(1), row_to_json(row(1,2)), json_build_array(1,'a')
select ('{"a":1}'::jsonb)['a']
select gen_random_uuid(), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid
select count(*), count(a), sum(a), avg(a), min(a), max(b), sum(c), avg(c), sum(id::int8), avg(id::float8) from t
select string_agg(b, ','), array_agg(a), json_agg(a), jsonb_agg(t), bool_and(a > 1), every(true), array_agg(distinct b order by b) from t
select count(*) filter (where a > 1), percentile_cont(0.5) within group (order by a), mode() within group (order by b), percentile_disc(0.5) within group (order by b) from t
select a, count(*) from t group by a
select a, b, count(*) from t group by 1, 2 having count(*) > 1 order by 3 desc, a
select a+1, count(*) from t group by a+1
select t.*, count(*) from t group by t.id
select a, b, grouping(a), grouping(a,b), sum(id) from t group by rollup(a,b)
select a, b, sum(id) from t group by grouping sets ((a),(b),())
select a, b, sum(id) from t group by cube(a,b)
select row_number() over (), rank() over (order by a), dense_rank() over (partition by b order by a), lag(a) over (order by id), lead(a, 2, 0) over w, first_value(b) over w, nth_value(b,2) over w, ntile(4) over w, cume_dist() over w, percent_rank() over w from t window w as (order by a)
select sum(a) over (partition by b order by id rows between 1 preceding and current row), count(*) over (), avg(a) over (order by id range between unbounded preceding and unbounded following) from t
select * from t
select t.* from t
select x.* from t as x
select x.p, x.q from t as x(p, q)
select t from t
select (t).a from t
select (t).* from t
select id, t.id, public.t.id from t
select * from t, u where t.id = u.t_id
select * from t join u on u.t_id = t.id
select * from t left join u using (id)
select * from t natural join u
select id from t full join u using (id)
select t.id, u.id, id from t join u using (id)
select * from t cross join u
select * from (t join u on true) as j(a1,a2)
select * from (select 1 as x, 'a' as y) s
select * from (values (1,'a'),(2,'b')) v(n, s)
select * from (values (1),(2.5)) v
values (1,'a'),(2,null)
table t
select * from generate_series(1,3)
select * from generate_series(1,3) g
select g from generate_series(1,3) g
select * from generate_series(1,3) with ordinality
select * from generate_series(1,3) with ordinality as x(v, n)
select * from unnest(array[1,2], array['a','b'])
select * from unnest(array[1,2], array['a','b']) as x(a,b)
select * from rows from (generate_series(1,2), generate_series(1,3)) as r
select * from jsonb_each('{"a":1}')
select * from jsonb_array_elements('[1]') e
select value from jsonb_array_elements('[1]') e
select * from json_to_record('{"a":1}') as x(a int, b text)
select * from jsonb_to_recordset('[]') as x(a int, b varchar(3))
select generate_series(1,3), 'x'
select generate_series(1,3) as g, unnest(array['a','b'])
select unnest('{1,2}'::int[])
select * from current_date
select * from upper('a')
select * from t, lateral (select t.a * 2 as dbl) l
select * from t left join lateral (select * from u where u.t_id = t.id limit 1) x on true
select (select 1), (select b from t limit 1), exists (select 1), array(select a from t), (select count(*) from u where u.t_id = t.id) from t
select * from t where id in (select t_id from u) and a = any (select e from u) and a > all (select 1)
select * from t where (id, a) in (select t_id, id from u)
select * from t where exists (select * from u where u.t_id = t.id)
select * from t where id = any('{1,2}') or id = any(array[1,2])
select a from t union select e from u
select a from t union all select 2.5
select a, b from t intersect select 1, 'x'
select a from t except all select t_id from u order by 1 limit 2
select 1 as x union select 2 order by x
select null union select 1
select 'a' union select 'b'
select null union select null
select 1 union (select 2 union select 3.5)
with x as (select a, b from t) select * from x
with x(p) as (select a, b from t) select * from x
with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select * from r
with a as (select 1 as n), b as (select n + 1 as m from a) select * from a, b
with ins as (insert into t(id) values (1000001) returning id, a) select * from ins
select distinct a from t
select distinct on (a) a, b from t order by a, id
select a from t order by b, 1
select a as z from t order by z desc nulls last
select a from t order by a + 1
select a from t limit 5 offset 2
select a from t fetch first 2 rows only
select a from t order by a fetch first 2 rows with ties
select a from t for update
select id, ctid, tableoid from t
select $1
select $1::int, $2 || 'x'
select $1 + 1, $2 = 5, $3::numeric(5,2)
select * from t where id = $1 and b = $2 limit $3
select * from t where id = any($1)
select * from t where id in ($1, $2)
select coalesce($1, 5), case when $2 then 1 end
select $1 is null, $1::text
insert into t(id, a, b) values ($1, $2, $3)
insert into t(id, a, b) values ($1, $2, $3) returning *
insert into t(id, d) select $1, $2
insert into t values (1000002, 2, 'x') returning id, b || 'y' as yy
insert into t default values
insert into u(id, name) values (1000003, 'x') on conflict (id) do update set name = excluded.name || u.name where u.id > 0 returning *
insert into u(id, name) values (1000003, 'x') on conflict do nothing
insert into u(id, name) values (1000003, 'x') on conflict on constraint u_pkey do nothing
update t set a = $1 where id = $2
update t set (a, b) = (1, 'x') where id = -1 returning *
update t set (a, b) = (select 1, 'x') where id = -1
update t set a = u.e from u where u.t_id = t.id and t.id = -1 returning t.id, u.name
delete from t where id = $1 returning b
delete from t using u where u.t_id = t.id and t.id = -1 returning t.*, u.name
select oid, relname, relkind from pg_class where relname = 'pg_class'
select c.oid::regclass, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace limit 1
select typname, typlen, typinput from pg_type limit 1
select attname, format_type(atttypid, atttypmod) from pg_attribute limit 1
select 'pg_class'::regclass, 'int4'::regtype, 1259::regclass
select * from information_schema.tables limit 0
select table_name from information_schema.columns limit 0
select 'abc' collate "C", b collate "default" from t
select a::text, b::varchar(3), c::int, d::date from t
select c + a, c * 2, c / 3, c::float8, a::float4 from t
select d + interval '1 day', d - d, d::date, age(d), extract(hour from d) from t
select name || 'x', upper(name), length(name), name like 'x%', name = 'x' from u
select j -> 'a', j ->> 'a', j @> '{}', j - 'x' from u
select arr[1], arr[1:2], arr || 1, array_length(arr, 1), cardinality(arr), 1 = any(arr), array_append(arr, 1), unnest(arr) from u
select e + 1, e::int4, e = 1, e / 2 from u
select pg_typeof(1), version(), current_database(), pg_backend_pid(), current_setting('search_path')
select int4 '1', text 'x', float8 '1.5', timestamp 'epoch'
select int4(1.5), text(1), varchar 'abc'
select not true, true and false, true or null
select (1,2)::text, row(1,'x')::text
select 1 as "Mixed Case", 2 as select
select cast(null as int), null::text
select sum(1), count(*)
select max(x) from (values (1),(2)) v(x)
select x from (select a as x from t) s where x > 1
select a b, b a from t
select num_nulls(1, null), concat(variadic array['a','b'])
select lower(int4range(1,2)), int4range(1,5) @> 3, tsrange(now()::timestamp, null)
select point(1,2), box '((0,0),(1,1))', inet '10.0.0.1', '10.0.0.0/8'::cidr, macaddr '08:00:2b:01:02:03'
select money '1.5', 1::money
select xmlelement(name a)
select 1 = 1.0, 1::int8 = 1::int2, 'a'::varchar = 'a'::text, 'a'::char = 'a'
select array_agg(a) filter (where a > 0) over () from t
select nextval('s1'), currval('s1'), setval('s1', 5)
select nosuch from t
select t.nosuch from t
select nosuch.a from t
select * from nosuch
select * from nosuch.t
select nosuch(1)
select nosuch(a, b) from t
select upper(1, 2)
select a from t, u where id = 1
select id from t join u on true
select a, count(*) from t
select a from t group by b
select a from t having count(*) > 1
select count(*) from t where count(*) > 1
select sum(sum(a)) from t
select rank() over (order by sum(a)) from t
select row_number() from t
select a from t where row_number() over () = 1
select 1 + 'a'
select 'a' + 'b'
select 1 + true
select true + true
select a + b from t
select a = b from t
select -b from t
select 'x'::int
select '2020-13-01'::date
select 1::nosuch
select case when 1 then 2 end
select * from t where a
select * from t where 1
select * from t limit 'x'
select * from t limit a
select a from t order by 5
select a from t order by 'x'
select distinct a from t order by b
select distinct on (a) a from t order by b
select a from t union select b from t
select a, b from t union select a from t
select 1 union select 2 order by nosuch
select 1 union select 2 order by 1 + 1
select * from t as x, u as x
select t.a from t as x
select (select a, b from t)
select (1,2) = (1,2,3)
select 1 in ('a')
select 1 in (select 1, 2)
select array[1,'a']
select array[]
select coalesce(1, 'a')
select case when true then 1 else 'a' end
select greatest(1, 'a')
select (1).x
select (t).nosuch from t
select 'a' collate "nosuch"
select 1 collate "C"
select * from (select 1)
select * from (values (1,2),(3)) v
select * from t x(a,b,c,d,e,f,g)
insert into t(nosuch) values (1)
insert into t(id, id) values (1, 2)
insert into t(id) values (1, 2)
insert into t(id, a) values (1)
insert into t(id) values ('x')
insert into t(id) values (now())
insert into t(a) select b from t
insert into nosuch values (1)
insert into t(id) values (1) on conflict (b) do nothing
insert into t(id) values (1) on conflict do update set a = 1
update t set nosuch = 1
update t set a = 'x'
update t set a = b
update t set a = 1, a = 2
update t set a = count(*)
update nosuch set a = 1
delete from nosuch
delete from t where nosuch = 1
select $1 is null
select $2
select $1 + $2
with recursive r as (select 1 union all select 'a' from r) select * from r
with x as (select 1), x as (select 2) select 1
with x(a,b) as (select 1) select * from x
select generate_series(1,2) from t where generate_series(1,2) = 1
select case when true then generate_series(1,2) end
select * from generate_series(1, 2) g(a, b)
select json_to_record('{}')
select * from json_to_record('{}')
select grouping(a) from t
select grouping(b) from t group by a
select count(distinct) from t
select count(distinct *) from t
select upper(distinct 'a')
select sum(a order by b) over () from t
select first_value(a) over w from t
select percentile_cont(0.5) from t
select * from t for update of nosuch
select count(*) from t for update
select 1 from t natural join u join t on true
select * from t join u using (nosuch)
select extract(nosuch from now())
select interval '1 x'
select date 'x'
select 1::varchar(0)
select 1::numeric(2000)
select 'abc'::varchar(2), 123456::varchar(3)
select substring('abc' from 'b'), substring('abc' similar 'a#"b#"c' escape '#')
select make_interval(days => 5), make_date(2020, 1, 1)
select jsonb_path_query('[1]', '$[*]')
select 1 where false
select
