import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {SchemaDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {SessionContext} from '../session-context.ts';

/** A name as one of PostgreSQL's catalogs keeps it unique. */
interface Claim {
  readonly catalog: string;
  readonly index: string;
  /** What the name is unique in, and the name. */
  readonly key: readonly (readonly [column: string, value: string])[];
  /** Whether an object of the name is there now. */
  isTaken(catalog: CatalogSnapshot): boolean;
}

/**
 * Claims the name of a new table or view, which is its row type's name, too. While another open transaction has given the name it
 * waits; when that one has committed: 23505, as from PostgreSQL's unique indexes.
 */
export async function claimTableName(
  session: SessionContext,
  schema: Oid,
  name: string,
): Promise<void> {
  await claimTypeName(session, schema, name);
  await claimRelationName(session, schema, name);
}

/** The same for what has no row type: indexes and sequences. */
export function claimRelationName(
  session: SessionContext,
  schema: Oid,
  name: string,
): Promise<void> {
  return claim(session, {
    catalog: 'pg_class',
    index: 'pg_class_relname_nsp_index',
    key: [
      ['relname', name],
      ['relnamespace', String(schema)],
    ],
    isTaken: catalog => catalog.relationByName(schema, name) !== undefined,
  });
}

/** The same for types. */
export function claimTypeName(session: SessionContext, schema: Oid, name: string): Promise<void> {
  return claim(session, {
    catalog: 'pg_type',
    index: 'pg_type_typname_nsp_index',
    key: [
      ['typname', name],
      ['typnamespace', String(schema)],
    ],
    isTaken: catalog => catalog.typeByName(schema, name) !== undefined,
  });
}

/** The same for schemas. */
export function claimSchemaName(session: SessionContext, name: string): Promise<void> {
  return claim(session, {
    catalog: 'pg_namespace',
    index: 'pg_namespace_nspname_index',
    key: [['nspname', name]],
    isTaken: catalog => catalog.schemaByName(name) !== undefined,
  });
}

/** The same for roles. */
export function claimRoleName(session: SessionContext, name: string): Promise<void> {
  return claim(session, {
    catalog: 'pg_authid',
    index: 'pg_authid_rolname_index',
    key: [['rolname', name]],
    isTaken: catalog => catalog.roleByName(name) !== undefined,
  });
}

/** The same for functions, which share a name as long as their arguments differ. */
export function claimFunctionName(
  session: SessionContext,
  schema: SchemaDescriptor,
  name: string,
  argTypes: readonly Oid[],
): Promise<void> {
  const types = argTypes.join(' ');
  return claim(session, {
    catalog: 'pg_proc',
    index: 'pg_proc_proname_args_nsp_index',
    key: [
      ['proname', name],
      ['proargtypes', types],
      ['pronamespace', String(schema.oid)],
    ],
    isTaken: catalog =>
      catalog.functionsByName(schema.oid, name).some(row => row.argTypes.join(' ') === types),
  });
}

async function claim(session: SessionContext, wanted: Claim): Promise<void> {
  const {transaction, engine} = session;
  const values = wanted.key.map(([, value]) => value);
  const scope = wanted.catalog === 'pg_authid' ? 0 : session.database.oid;
  const name = JSON.stringify([wanted.catalog, scope, ...values]);
  for (;;) {
    const claimed = transaction.tx.claimName(name);
    if (claimed === 'granted') return;
    await session.wait(claimed);
    // Locks are given back a moment before the catalog of the commit is there.
    for (let {running} = engine.catalogTurns; running !== null; {running} = engine.catalogTurns)
      await session.wait(running);
    if (wanted.isTaken(transaction.catalog)) throw taken(wanted, values);
  }
}

function taken({catalog, index, key}: Claim, values: readonly string[]): PgError {
  const columns = key.map(([column]) => column);
  return new PgError(
    SqlState.uniqueViolation,
    `duplicate key value violates unique constraint "${index}"`,
    {
      detail: `Key (${columns.join(', ')})=(${values.join(', ')}) already exists.`,
      schema: 'pg_catalog',
      table: catalog,
      constraint: index,
    },
  );
}
