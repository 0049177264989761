-- Queries of the replay test over everything that the catalogs say of its schema, in the form of the corpora.
-- ;;
-- client: catalogs; protocol: simple
SELECT relname, relnamespace, reltype, reloftype, relowner, relam, relhasindex, relisshared, relpersistence, relkind, relnatts, relchecks, relhasrules, relhastriggers, relhassubclass, relrowsecurity, relforcerowsecurity, relispopulated, relreplident, relispartition, relacl, reloptions FROM pg_class WHERE oid >= 16384 AND relkind <> 't' AND relnamespace <> 99
-- ;;
-- client: catalogs; protocol: simple
SELECT attrelid::regclass, attname, atttypid, attstattarget, attlen, attnum, attndims, atttypmod, attbyval, attalign, attcompression, attnotnull, atthasdef, attidentity, attgenerated, attisdropped, attislocal, attinhcount, attcollation, attacl, attmissingval FROM pg_attribute WHERE attrelid IN (SELECT oid FROM pg_class WHERE oid >= 16384 AND relkind <> 't' AND relnamespace <> 99)
-- ;;
-- client: catalogs; protocol: simple
SELECT indexrelid, indrelid, indnatts, indnkeyatts, indisunique, indnullsnotdistinct, indisprimary, indimmediate, indisclustered, indisvalid, indisready, indislive, indisreplident, indkey, indcollation, indclass, indoption, pg_get_expr(indexprs, indrelid), pg_get_expr(indpred, indrelid), pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE oid >= 16384 AND relkind <> 't' AND relnamespace <> 99)
-- ;;
-- client: catalogs; protocol: simple
SELECT conname, connamespace, contype, condeferrable, condeferred, convalidated, conrelid, contypid, conindid, confrelid, confupdtype, confdeltype, confmatchtype, conislocal, connoinherit, conkey, confkey, pg_get_constraintdef(oid), pg_get_constraintdef(oid, true) FROM pg_constraint WHERE oid >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT typname, typnamespace, typowner, typlen, typbyval, typtype, typcategory, typispreferred, typisdefined, typdelim, typrelid, typelem, typarray, typinput, typoutput, typalign, typstorage, typnotnull, typbasetype, typtypmod, typndims, typcollation, typdefault, typacl FROM pg_type WHERE oid >= 16384 AND typnamespace <> 99
-- ;;
-- client: catalogs; protocol: simple
SELECT proname, pronamespace, proowner, prolang, procost, prorows, provariadic, prokind, prosecdef, proleakproof, proisstrict, proretset, provolatile, proparallel, pronargs, pronargdefaults, prorettype, proargtypes, proallargtypes, proargmodes, proargnames, pg_get_expr(proargdefaults, 0), prosrc, proconfig, proacl, pg_get_functiondef(oid), pg_get_function_arguments(oid), pg_get_function_identity_arguments(oid), pg_get_function_result(oid) FROM pg_proc WHERE oid >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT adrelid, adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef
-- ;;
-- client: catalogs; protocol: simple
SELECT seqrelid, seqtypid, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle FROM pg_sequence
-- ;;
-- client: catalogs; protocol: simple
SELECT schemaname, sequencename, sequenceowner, data_type, start_value, min_value, max_value, increment_by, cycle, cache_size, last_value FROM pg_sequences WHERE cache_size = 1
-- ;;
-- client: catalogs; protocol: simple
SELECT enumtypid, enumlabel, enumsortorder FROM pg_enum
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM pg_range WHERE rngtypid >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT castsource, casttarget, castfunc, castcontext, castmethod FROM pg_cast WHERE oid >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT polname, polrelid, polcmd, polpermissive, polroles, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid) FROM pg_policy
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM pg_policies
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM pg_matviews
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM pg_views WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM pg_indexes WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT objoid, classoid::regclass, objsubid, description FROM pg_description WHERE objoid >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT objoid, classoid::regclass, description FROM pg_shdescription WHERE objoid >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT defaclrole, defaclnamespace, defaclobjtype, defaclacl FROM pg_default_acl
-- ;;
-- client: catalogs; protocol: simple
SELECT roleid, member, grantor, admin_option FROM pg_auth_members WHERE member >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolconnlimit, rolvaliduntil, rolbypassrls, rolconfig FROM pg_roles WHERE oid >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting
-- ;;
-- client: catalogs; protocol: simple
SELECT nspname, nspowner, nspacl FROM pg_namespace WHERE oid >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT datname, datdba, encoding, datlocprovider, datistemplate, datallowconn, datconnlimit, datcollate, datctype, datacl FROM pg_database
-- ;;
-- client: catalogs; protocol: simple
SELECT c.relname, pg_get_viewdef(c.oid), pg_get_viewdef(c.oid, true) FROM pg_class c WHERE relkind IN ('v', 'm') AND oid >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT ev_class, rulename, ev_type, ev_enabled, is_instead FROM pg_rewrite WHERE ev_class >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT classid::regclass, objid, objsubid, refclassid::regclass, refobjid, refobjsubid, deptype FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid >= 16384 AND deptype IN ('a', 'i') AND objid IN (SELECT oid FROM pg_class WHERE relkind IN ('i', 'S') AND relnamespace <> 99)
-- ;;
-- client: catalogs; protocol: simple
SELECT format('%s', c.oid::regclass), has_table_privilege('bob', c.oid, 'SELECT'), has_table_privilege('bob', c.oid, 'UPDATE WITH GRANT OPTION'), has_any_column_privilege('bob', c.oid, 'UPDATE'), has_table_privilege('readers', c.oid, 'INSERT'), row_security_active(c.oid), pg_table_is_visible(c.oid) FROM pg_class c WHERE relkind IN ('r', 'v', 'm') AND oid >= 16384 AND relnamespace <> 99
-- ;;
-- client: catalogs; protocol: simple
SELECT o.oid::regclass, d.type, d.object_names, d.object_args, i.identity FROM pg_class o, pg_identify_object('pg_class'::regclass, o.oid, 0) i (type, schema, name, identity), LATERAL (SELECT i.type, ARRAY[i.schema], ARRAY[i.name]) d (type, object_names, object_args) WHERE o.oid >= 16384 AND o.relkind <> 't' AND o.relnamespace <> 99
-- ;;
-- client: catalogs; protocol: simple
SELECT pg_describe_object('pg_proc'::regclass, oid, 0) FROM pg_proc WHERE oid >= 16384 UNION ALL SELECT pg_describe_object('pg_type'::regclass, oid, 0) FROM pg_type WHERE oid >= 16384 AND typtype IN ('e', 'd', 'r') UNION ALL SELECT pg_describe_object('pg_constraint'::regclass, oid, 0) FROM pg_constraint WHERE oid >= 16384
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.tables WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.columns WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.views WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.column_privileges WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.table_privileges WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.role_table_grants WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.role_column_grants WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.key_column_usage WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.table_constraints WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.constraint_column_usage WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.constraint_table_usage WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.column_domain_usage WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.column_udt_usage WHERE table_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.referential_constraints WHERE constraint_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.check_constraints WHERE constraint_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.view_table_usage WHERE view_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.view_column_usage WHERE view_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.sequences WHERE sequence_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.domains WHERE domain_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.domain_constraints WHERE domain_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.domain_udt_usage WHERE domain_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.attributes WHERE udt_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.udt_privileges WHERE udt_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.role_udt_grants WHERE udt_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.user_defined_types WHERE user_defined_type_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.usage_privileges WHERE object_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.role_usage_grants WHERE object_schema IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.schemata WHERE schema_name IN ('public', 'app', 'odd Schema')
-- ;;
-- client: catalogs; protocol: simple
SELECT object_schema, regexp_replace(object_name, '\d+$', ''), object_type, collection_type_identifier, data_type, udt_schema, udt_name, dtd_identifier FROM information_schema.element_types WHERE object_schema IN ('public', 'app')
-- ;;
-- client: catalogs; protocol: simple
SELECT regexp_replace(specific_name, '\d+$', ''), routine_schema, routine_name, routine_type, type_udt_schema, type_udt_name, data_type, routine_body, routine_definition, external_language, is_deterministic, is_null_call, security_type FROM information_schema.routines WHERE routine_schema IN ('public', 'app')
-- ;;
-- client: catalogs; protocol: simple
SELECT regexp_replace(specific_name, '\d+$', ''), ordinal_position, parameter_mode, is_result, parameter_name, data_type, udt_schema, udt_name, parameter_default FROM information_schema.parameters WHERE specific_schema IN ('public', 'app')
-- ;;
-- client: catalogs; protocol: simple
SELECT grantor, grantee, routine_schema, routine_name, privilege_type, is_grantable FROM information_schema.routine_privileges WHERE routine_schema IN ('public', 'app')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.enabled_roles WHERE role_name IN ('bob', 'readers', 'auditor')
-- ;;
-- client: catalogs; protocol: simple
SELECT * FROM information_schema.applicable_roles
