import type {CatalogSnapshot} from '../../catalog/contract.ts';
import type {
  CastDescriptor,
  CatalogObject,
  Descriptor,
  QueryRelation,
  TableDescriptor,
  TypeDescriptor,
} from '../../catalog/descriptors.ts';
import {queryRelations, queryTextOf} from '../../catalog/stored-queries.ts';
import {rowArrayOid} from '../../catalog/well-known.ts';
import type {Oid} from '../../common/ids.ts';
import type {SessionContext} from '../session-context.ts';
import {NO_OID} from './ddl.ts';
import {bodiesUsing} from './function-uses.ts';
import {policiesUsing} from './policy-text.ts';
import {viewUses} from './view-uses.ts';

/** Something that can depend and be depended on. */
export type DependencyNode =
  | {readonly kind: 'object'; readonly object: Descriptor}
  | {readonly kind: 'column'; readonly table: TableDescriptor; readonly attnum: number}
  | {readonly kind: 'default'; readonly table: TableDescriptor; readonly attnum: number};

/** auto and internal dependents go silently with what they belong to. */
export type DependencyType = 'normal' | 'auto' | 'internal';

/** One dependent of a node. */
export interface Dependent {
  readonly node: DependencyNode;
  readonly type: DependencyType;
}

/** A key that is the same for the same node. */
export function nodeKey(node: DependencyNode): string {
  return node.kind === 'object'
    ? `${node.object.kind}:${node.object.oid}`
    : `${node.kind}:${node.table.oid}:${node.attnum}`;
}

function objectOid(node: DependencyNode): Oid {
  return node.kind === 'object' ? node.object.oid : node.table.oid;
}

/** An object as a node. */
export function objectNode(object: Descriptor): DependencyNode {
  return {kind: 'object', object};
}

function dependent(object: Descriptor | undefined, type: DependencyType): Dependent[] {
  return object === undefined ? [] : [{node: objectNode(object), type}];
}

/** What depends directly on a node, newest first. */
export function dependentsOf(session: SessionContext, node: DependencyNode): Dependent[] {
  const found =
    node.kind === 'object'
      ? ofObject(session, node.object)
      : node.kind === 'column'
        ? ofColumn(session, node.table, node.attnum)
        : [];
  return found.sort((a, b) => objectOid(b.node) - objectOid(a.node));
}

function ofObject(session: SessionContext, object: Descriptor): Dependent[] {
  const {catalog} = session.transaction;
  switch (object.kind) {
    case 'schema':
      return inSchema(catalog, object.oid);
    case 'table':
      return ofTable(session, object);
    case 'view':
      return [
        ...viewsUsing(session, object.oid, object.name, null),
        ...bodyUsers(session, object, null),
        ...policiesUsing(session, object.oid, null).flatMap(each => dependent(each, 'normal')),
        ...typeUsers(session, object.rowType, rowArrayOid(object.rowType)),
      ];
    case 'index':
      return referencing(catalog, each => each.index === object.oid);
    case 'constraint':
      return object.type === 'p' || object.type === 'u'
        ? dependent(catalog.get('index', object.index), 'internal')
        : [];
    case 'sequence':
      return [
        ...defaultsUsing(catalog, text => text.includes(`'${object.oid}'::regclass`)),
        ...viewsUsing(session, object.oid, object.name, null),
        ...bodyUsers(session, object, null),
      ];
    case 'type':
      return [
        ...typeUsers(session, object.oid, object.arrayOid),
        ...catalog.constraintsOf(object.oid).flatMap(each => dependent(each, 'auto')),
      ];
    case 'function':
      return functionUsers(session, object);
    default:
      return [];
  }
}

function inSchema(catalog: CatalogSnapshot, schema: Oid): Dependent[] {
  const members: (Descriptor & CatalogObject & {readonly schema: Oid})[] = [
    ...catalog.tables(),
    ...catalog.views(),
    ...catalog.sequences(),
    ...catalog.userTypes(),
    ...catalog.userFunctions(),
    ...catalog.liveQueries(),
  ];
  const defaults = catalog.defaultAcls().filter(each => each.schema === schema);
  const inside = members
    .filter(each => each.schema === schema)
    .flatMap(each => dependent(each, 'normal'));
  return [...inside, ...defaults.flatMap(each => dependent(each, 'auto'))];
}

function ofTable(session: SessionContext, table: TableDescriptor): Dependent[] {
  const {catalog} = session.transaction;
  return [
    ...catalog
      .indexesOf(table.oid)
      .flatMap(each => (each.constraint === NO_OID ? dependent(each, 'auto') : [])),
    ...catalog.constraintsOf(table.oid).flatMap(each => dependent(each, 'auto')),
    ...ownedSequences(catalog, table.oid, null),
    ...catalog.policiesOf(table.oid).flatMap(each => dependent(each, 'auto')),
    ...referencing(catalog, each => each.referencedTable === table.oid && each.table !== table.oid),
    ...policiesUsing(session, table.oid, null).flatMap(each => dependent(each, 'normal')),
    ...viewsUsing(session, table.oid, table.name, null),
    ...bodyUsers(session, table, null),
    ...typeUsers(session, table.rowType, rowArrayOid(table.rowType)).filter(
      each => each.node.kind !== 'column' || each.node.table.oid !== table.oid,
    ),
  ];
}

function ofColumn(session: SessionContext, table: TableDescriptor, attnum: number): Dependent[] {
  const {catalog} = session.transaction;
  const name = table.columns.find(column => column.attnum === attnum)?.name ?? '';
  const mentions = (text: string | null): boolean => text !== null && mentionsName(text, name);
  return [
    ...catalog
      .indexesOf(table.oid)
      .filter(index => index.constraint === NO_OID)
      .filter(
        index =>
          index.keys.some(key => key.attnum === attnum || mentions(key.expressionText)) ||
          index.included.includes(attnum) ||
          mentions(index.predicateText),
      )
      .flatMap(each => dependent(each, 'auto')),
    ...catalog
      .constraintsOf(table.oid)
      .flatMap(each => (each.columns.includes(attnum) ? dependent(each, 'auto') : [])),
    ...referencing(
      catalog,
      each => each.referencedTable === table.oid && each.referencedColumns.includes(attnum),
    ),
    ...ownedSequences(catalog, table.oid, attnum),
    ...table.columns
      .filter(
        column =>
          column.generated !== '' &&
          !column.isDropped &&
          column.attnum !== attnum &&
          mentions(column.defaultText),
      )
      .map(
        (column): Dependent => ({
          node: {kind: 'column', table, attnum: column.attnum},
          type: 'normal',
        }),
      ),
    ...viewsUsing(session, table.oid, table.name, attnum),
    ...bodyUsers(session, table, attnum),
    ...policiesUsing(session, table.oid, attnum).flatMap(each => dependent(each, 'normal')),
  ];
}

function referencing(
  catalog: CatalogSnapshot,
  test: (constraint: Extract<Descriptor, {kind: 'constraint'}>) => boolean,
): Dependent[] {
  const found: Dependent[] = [];
  for (const table of catalog.tables()) {
    for (const constraint of catalog.constraintsOf(table.oid)) {
      if (constraint.type === 'f' && test(constraint))
        found.push(...dependent(constraint, 'normal'));
    }
  }
  return found;
}

function ownedSequences(catalog: CatalogSnapshot, table: Oid, attnum: number | null): Dependent[] {
  return [...catalog.sequences()]
    .filter(
      each => each.ownedByTable === table && (attnum === null || each.ownedByAttnum === attnum),
    )
    .flatMap(each => dependent(each, 'auto'));
}

function defaultsUsing(catalog: CatalogSnapshot, test: (text: string) => boolean): Dependent[] {
  const found: Dependent[] = [];
  for (const table of catalog.tables()) {
    for (const column of table.columns) {
      if (column.isDropped || column.defaultText === null || !test(column.defaultText)) continue;
      const kind = column.generated === '' ? 'default' : 'column';
      found.push({node: {kind, table, attnum: column.attnum}, type: 'normal'});
    }
  }
  return found;
}

function bodyUsers(
  session: SessionContext,
  used: {readonly oid: Oid; readonly name: string},
  attnum: number | null,
): Dependent[] {
  return bodiesUsing(session, used, attnum).flatMap(each => dependent(each, 'normal'));
}

function viewsUsing(
  session: SessionContext,
  relation: Oid,
  name: string,
  attnum: number | null,
): Dependent[] {
  const found: QueryRelation[] = [];
  for (const view of queryRelations(session.transaction.catalog)) {
    if (view.oid === relation || !queryTextOf(view).includes(name)) continue;
    const uses = viewUses(session, view);
    if (
      uses.some(
        use => use.relation === relation && (attnum === null || use.columns.includes(attnum)),
      )
    )
      found.push(view);
  }
  return found.flatMap(each => dependent(each, 'normal'));
}

/** Columns, types and functions of a type. */
function typeUsers(session: SessionContext, type: Oid, array: Oid): Dependent[] {
  const {catalog} = session.transaction;
  const isOf = (each: Oid): boolean => each === type || (array !== NO_OID && each === array);
  const found: Dependent[] = [];
  for (const table of catalog.tables()) {
    for (const column of table.columns) {
      if (!column.isDropped && isOf(column.typeOid))
        found.push({node: {kind: 'column', table, attnum: column.attnum}, type: 'normal'});
    }
  }
  for (const view of catalog.views()) {
    if (view.rowType !== type && view.columns.some(column => isOf(column.typeOid)))
      found.push(...dependent(view, 'normal'));
  }
  for (const each of catalog.userTypes()) {
    if (isOf(each.baseType) || each.columns.some(column => isOf(column.typeOid)))
      found.push(
        ...dependent(each satisfies TypeDescriptor, each.typeKind === 'm' ? 'internal' : 'normal'),
      );
  }
  for (const each of catalog.list('cast'))
    if (each.kind === 'cast' && (isOf(each.source) || isOf(each.target)))
      found.push(...dependent(each, isRangeCast(catalog, each) ? 'internal' : 'normal'));
  for (const fn of catalog.userFunctions()) {
    if (fn.aggregate !== undefined && isOf(fn.aggregate.stateType))
      found.push(...dependent(fn, 'normal'));
    else if (isOf(fn.returnType) || fn.argTypes.some(isOf) || (fn.allArgTypes ?? []).some(isOf)) {
      if (fn.language !== 'internal') found.push(...dependent(fn, 'normal'));
      else if (fn.returnType === type) found.push(...dependent(fn, 'internal'));
    }
  }
  return found;
}

function functionUsers(
  session: SessionContext,
  fn: Extract<Descriptor, {kind: 'function'}>,
): Dependent[] {
  const {catalog} = session.transaction;
  const calls = (text: string | null): boolean => text !== null && mentionsName(text, fn.name);
  const found = [...defaultsUsing(catalog, calls), ...bodyUsers(session, fn, null)];
  for (const each of catalog.userFunctions()) {
    const {aggregate} = each;
    if (aggregate === undefined) continue;
    if ([aggregate.transition, aggregate.final, aggregate.combine].includes(fn.oid))
      found.push(...dependent(each, 'normal'));
  }
  for (const each of catalog.list('cast'))
    if (each.kind === 'cast' && each.function === fn.oid)
      found.push(...dependent(each, isRangeCast(catalog, each) ? 'internal' : 'normal'));
  for (const table of catalog.tables()) {
    for (const each of catalog.constraintsOf(table.oid))
      if (calls(each.expressionText)) found.push(...dependent(each, 'normal'));
    for (const each of catalog.indexesOf(table.oid)) {
      if (calls(each.predicateText) || each.keys.some(key => calls(key.expressionText)))
        found.push(...dependent(each, 'normal'));
    }
  }
  for (const view of queryRelations(catalog))
    if (calls(queryTextOf(view))) found.push(...dependent(view, 'normal'));
  for (const policy of catalog.policies())
    if (calls(policy.usingText) || calls(policy.checkText))
      found.push(...dependent(policy, 'normal'));
  return found;
}

/** Whether a cast came with a range type. */
export function isRangeCast(catalog: CatalogSnapshot, cast: CastDescriptor): boolean {
  return catalog.typeDescriptorByOid(cast.source)?.range?.multirange === cast.target;
}

/** Whether a text holds a name as a whole word. */
export function mentionsName(text: string, name: string): boolean {
  const pattern = name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`(?<![\\w$])${pattern}(?![\\w$])`).test(text);
}
