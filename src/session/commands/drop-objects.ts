import type {CatalogChange} from '../../catalog/contract.ts';
import type {
  ColumnDescriptor,
  SequenceDescriptor,
  TableDescriptor,
} from '../../catalog/descriptors.ts';
import {relationName, typeName} from '../../catalog/names.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TableStorage} from '../../storage/contract.ts';
import type {SessionContext} from '../session-context.ts';
import {clusterByWith} from './cluster-by.ts';
import {rejectInUse} from '../foreign-keys/table-in-use.ts';
import {deletion, lockTable, NO_OID, notice} from './ddl.ts';
import {dependentsOf, nodeKey, type DependencyNode} from './dependencies.ts';
import {columnText, nameScope, objectText} from './object-text.ts';

/** A node in the order of deletion, with what brought it in. */
interface Target {
  readonly node: DependencyNode;
  isSilent: boolean;
  readonly dependee: DependencyNode | null;
}

/** Drops objects and, with CASCADE, what depends on them; else 2BP01 when something does. Rights were checked before. */
export async function dropObjects(
  session: SessionContext,
  roots: readonly DependencyNode[],
  isCascade: boolean,
  isQuiet = false,
): Promise<void> {
  let targets = collect(session, roots);
  const locked = new Set<Oid>();
  for (;;) {
    const relations = lockedRelations(session, targets).filter(each => !locked.has(each.oid));
    if (relations.length === 0) break;
    for (const relation of relations) {
      await lockTable(session, relation, 'accessExclusive');
      locked.add(relation.oid);
    }
    targets = collect(session, roots);
  }
  if (!isQuiet) {
    report(session, roots, targets, isCascade);
    for (const {node} of targets) {
      if (node.kind === 'object' && node.object.kind === 'table')
        rejectInUse(session, node.object, 'DROP TABLE');
    }
  }
  execute(
    session,
    targets.map(target => target.node),
  );
}

function lockedRelations(
  session: SessionContext,
  targets: readonly Target[],
): {readonly oid: Oid; readonly name: string}[] {
  const {catalog} = session.transaction;
  return targets.flatMap(({node}) => {
    if (node.kind !== 'object') return [node.table];
    const {object} = node;
    if (object.kind === 'table' || object.kind === 'view' || object.kind === 'sequence')
      return [object];
    if (object.kind === 'policy') return [catalog.tableByOid(object.table)!];
    if (object.kind === 'index' || (object.kind === 'constraint' && object.table !== NO_OID))
      return [catalog.tableByOid(object.table)!];
    return [];
  });
}

/** All that goes, dependents before what they depend on (PostgreSQL findDependentObjects). */
function collect(session: SessionContext, roots: readonly DependencyNode[]): Target[] {
  const targets: Target[] = [];
  const known = new Map<string, Target>();
  const isRoot = new Set(roots.map(nodeKey));
  const visit = (
    node: DependencyNode,
    isSilent: boolean,
    dependee: DependencyNode | null,
  ): void => {
    const key = nodeKey(node);
    const seen = known.get(key);
    if (seen !== undefined) {
      seen.isSilent ||= isSilent;
      return;
    }
    const target: Target = {node, isSilent: isSilent || isRoot.has(key), dependee};
    known.set(key, target);
    for (const each of dependentsOf(session, node)) visit(each.node, each.type !== 'normal', node);
    targets.push(target);
  };
  for (const root of roots) visit(root, true, null);
  return targets.filter(
    ({node}) => node.kind === 'object' || !known.has(`table:${node.table.oid}`),
  );
}

function nodeText(session: SessionContext, node: DependencyNode): string {
  const scope = nameScope(session);
  if (node.kind === 'object') return objectText(scope, node.object);
  if (node.kind === 'column') return columnText(scope, node.table.oid, node.attnum);
  const column = node.table.columns.find(each => each.attnum === node.attnum);
  return `default value for column ${quoteIdentifier(column?.name ?? '')} of table ${relationName(scope, node.table.oid)}`;
}

/** What a node depends on; a column of an array type depends on that type. */
function dependeeText(
  session: SessionContext,
  node: DependencyNode,
  dependee: DependencyNode,
): string {
  if (node.kind === 'column' && dependee.kind === 'object' && dependee.object.kind === 'type') {
    const column = node.table.columns.find(each => each.attnum === node.attnum);
    if (column?.typeOid === dependee.object.arrayOid)
      return `type ${typeName(nameScope(session), column.typeOid)}`;
  }
  return nodeText(session, dependee);
}

function report(
  session: SessionContext,
  roots: readonly DependencyNode[],
  targets: readonly Target[],
  isCascade: boolean,
): void {
  const loud = targets.filter(target => !target.isSilent).reverse();
  if (loud.length === 0) return;
  if (!isCascade) {
    const what = roots.length === 1 ? nodeText(session, roots[0]!) : 'desired object(s)';
    throw new PgError(
      SqlState.dependentObjectsStillExist,
      roots.length === 1
        ? `cannot drop ${what} because other objects depend on it`
        : 'cannot drop desired object(s) because other objects depend on them',
      {
        detail: limited(
          loud.map(
            ({node, dependee}) =>
              `${nodeText(session, node)} depends on ${dependeeText(session, node, dependee!)}`,
          ),
        ),
        hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
      },
    );
  }
  const lines = loud.map(({node}) => `drop cascades to ${nodeText(session, node)}`);
  if (lines.length === 1) notice(session, lines[0]!);
  else notice(session, `drop cascades to ${lines.length} other objects`, {detail: limited(lines)});
}

/** At most a hundred lines, as PostgreSQL sends to clients. */
function limited(lines: readonly string[]): string {
  if (lines.length <= 100) return lines.join('\n');
  return `${lines.slice(0, 100).join('\n')}\nand ${lines.length - 100} other objects (see server log for list)`;
}

/** The deletions: catalog first, then storage. */
function execute(session: SessionContext, nodes: readonly DependencyNode[]): void {
  const {transaction, storages} = session;
  const {catalog} = transaction;
  const changes = new Map<string, CatalogChange>();
  const dropped: TableStorage[] = [];
  const sequences: SequenceDescriptor[] = [];
  const edited = new Map<Oid, TableDescriptor>();
  const touched = new Map<Oid, TableDescriptor>();
  const policyTables = new Set<Oid>();
  for (const node of nodes) {
    if (node.kind !== 'object') {
      const table = edited.get(node.table.oid) ?? catalog.tableByOid(node.table.oid)!;
      edited.set(
        table.oid,
        node.kind === 'column'
          ? withoutColumn(table, node.attnum)
          : withoutDefault(table, node.attnum),
      );
      touched.set(table.oid, catalog.tableByOid(table.oid)!);
      continue;
    }
    const {object} = node;
    changes.set(nodeKey(node), deletion(object));
    // The table is put anew, so that plans of it which wait for its lock are made again.
    if (object.kind === 'policy') policyTables.add(object.table);
    else if (object.kind === 'table') dropped.push(storages.of(catalog, object));
    else if (object.kind === 'sequence') {
      sequences.push(object);
      releaseSequence(session, object, edited, touched);
    } else if (object.kind === 'index')
      touched.set(object.table, catalog.tableByOid(object.table)!);
  }
  for (const table of policyTables)
    if (!edited.has(table)) edited.set(table, {...catalog.tableByOid(table)!});
  for (const table of dropped) {
    edited.delete(table.oid);
    touched.delete(table.oid);
  }
  const before = [...touched.values()].map(table => storages.of(catalog, table));
  const puts = [...edited.values()].map((descriptor): CatalogChange => ({op: 'put', descriptor}));
  transaction.ddl([...changes.values(), ...puts], []);
  for (const old of before) {
    transaction.tx.ddl({
      kind: 'alterTable',
      before: old,
      after: storages.of(transaction.catalog, transaction.catalog.tableByOid(old.oid)!),
    });
  }
  for (const table of dropped) transaction.tx.ddl({kind: 'dropTable', table});
  for (const sequence of sequences) transaction.tx.ddl({kind: 'dropSequence', oid: sequence.oid});
}

/** A column that names a dropped sequence forgets it. */
function releaseSequence(
  session: SessionContext,
  sequence: SequenceDescriptor,
  edited: Map<Oid, TableDescriptor>,
  touched: Map<Oid, TableDescriptor>,
): void {
  const {catalog} = session.transaction;
  const owner = catalog.tableByOid(sequence.ownedByTable);
  const table = owner === undefined ? undefined : (edited.get(owner.oid) ?? owner);
  if (table === undefined || !table.columns.some(column => column.sequence === sequence.oid))
    return;
  edited.set(table.oid, {
    ...table,
    columns: table.columns.map(column =>
      column.sequence === sequence.oid ? {...column, sequence: NO_OID} : column,
    ),
  });
  touched.set(table.oid, owner!);
}

/** A table without one of its columns: the column stays, marked, and rows take a new shape. */
function withoutColumn(table: TableDescriptor, attnum: number): TableDescriptor {
  const dropped = table.columns.find(column => column.attnum === attnum);
  return {
    ...table,
    schemaVersion: table.schemaVersion + 1,
    options:
      dropped === undefined ? table.options : clusterByWith(table.options, dropped.name, null),
    columns: mapColumn(table, attnum, column => ({
      ...column,
      name: `........pg.dropped.${attnum}........`,
      isDropped: true,
      isNotNull: false,
      defaultText: null,
      identity: '',
      generated: '',
      sequence: NO_OID,
      missingValue: null,
      acl: null,
      comment: null,
    })),
  };
}

function withoutDefault(table: TableDescriptor, attnum: number): TableDescriptor {
  return {
    ...table,
    columns: mapColumn(table, attnum, column => ({...column, defaultText: null, sequence: NO_OID})),
  };
}

function mapColumn(
  table: TableDescriptor,
  attnum: number,
  change: (column: ColumnDescriptor) => ColumnDescriptor,
): readonly ColumnDescriptor[] {
  return table.columns.map(column => (column.attnum === attnum ? change(column) : column));
}
