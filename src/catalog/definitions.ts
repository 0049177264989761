import type {Oid} from '../common/ids.ts';
import type {CatalogSnapshot} from './contract.ts';
import type {
  ConstraintDescriptor,
  IndexDescriptor,
  IndexKey,
  TableDescriptor,
} from './descriptors.ts';
import {
  isRelationVisible,
  qualifiedName,
  relationName,
  schemaName,
  type NameScope,
} from './names.ts';
import {prettyExpression} from './pretty-expression.ts';
import {quoteIdentifier} from './quote.ts';
import {isQueryRelation, queryTextOf} from './stored-queries.ts';
import {shownText} from './stored-text.ts';

/** How definitions are printed: `pretty` drops needless parentheses and schemas of what is visible. */
export interface DefinitionStyle {
  readonly scope: NameScope;
  readonly isPretty: boolean;
}

/** CREATE INDEX of an index, as pg_get_indexdef prints it. */
export function indexDefinition(index: IndexDescriptor, style: DefinitionStyle): string {
  const {snapshot} = style.scope;
  const table = snapshot.tableByOid(index.table);
  const keys = index.keys.map(key => keyDefinition(key, table, style, snapshot));
  const included = index.included.map(attnum => columnName(table, attnum));
  const parts = [
    `CREATE ${index.isUnique ? 'UNIQUE ' : ''}INDEX ${quoteIdentifier(index.name)}`,
    `ON ${tableName(table, style)} USING ${index.method} (${keys.join(', ')})`,
  ];
  if (included.length > 0) parts.push(`INCLUDE (${included.join(', ')})`);
  if (index.nullsNotDistinct) parts.push('NULLS NOT DISTINCT');
  if (index.options.length > 0) parts.push(`WITH (${index.options.map(optionText).join(', ')})`);
  if (index.predicateText !== null) {
    parts.push(`WHERE ${expressionText(index.predicateText, style)}`);
  }
  return parts.join(' ');
}

function tableName(table: TableDescriptor | undefined, style: DefinitionStyle): string {
  if (table === undefined) return '???';
  const {scope, isPretty} = style;
  return isPretty && isRelationVisible(scope, table.schema, table.name)
    ? quoteIdentifier(table.name)
    : qualifiedName(scope.snapshot, table.schema, table.name);
}

/** `name=value` as reloptions prints it: the value quoted unless an identifier or number. */
function optionText(option: string): string {
  const at = option.indexOf('=');
  const name = option.slice(0, at);
  const value = option.slice(at + 1);
  return `${name}=${quoteIdentifier(value) === value ? value : `'${value.replaceAll("'", "''")}'`}`;
}

/** One key or included column without ordering (1-based), '' when there is none. */
export function indexColumnDefinition(
  index: IndexDescriptor,
  position: number,
  style: DefinitionStyle,
): string {
  const table = style.scope.snapshot.tableByOid(index.table);
  const key = index.keys[position - 1];
  if (key !== undefined) return keyText(key, table, style);
  const attnum = index.included[position - 1 - index.keys.length];
  return attnum === undefined ? '' : columnName(table, attnum);
}

function keyText(
  key: IndexKey,
  table: TableDescriptor | undefined,
  style: DefinitionStyle,
): string {
  if (key.expressionText === null) return columnName(table, key.attnum);
  const text = expressionText(key.expressionText, style);
  return isCall(text) ? text : `(${text})`;
}

/** Whether a text is one function call: `name(...)` with the closing parenthesis at the end. */
function isCall(text: string): boolean {
  const match = /^(?:[\w$]+|"(?:[^"]|"")+")(?:\.(?:[\w$]+|"(?:[^"]|"")+"))?\(/.exec(text);
  if (match === null || !text.endsWith(')')) return false;
  let depth = 0;
  for (let at = match[0].length - 1; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return at === text.length - 1;
  }
  return false;
}

function keyDefinition(
  key: IndexKey,
  table: TableDescriptor | undefined,
  style: DefinitionStyle,
  snapshot: CatalogSnapshot,
): string {
  const column = table?.columns.find(each => each.attnum === key.attnum);
  let text = keyText(key, table, style);
  const usual = column?.collation ?? key.collation;
  if (key.collation !== 0 && key.collation !== usual) {
    text += ` COLLATE ${collationName(snapshot, key.collation)}`;
  }
  const opclass = nonDefaultOpclass(snapshot, key.opclass);
  if (opclass !== undefined) text += ` ${quoteIdentifier(opclass)}`;
  if (key.descending) return `${text} DESC${key.nullsFirst ? '' : ' NULLS LAST'}`;
  return key.nullsFirst ? `${text} NULLS FIRST` : text;
}

/** Name of a collation, quoted. */
export function collationName(snapshot: CatalogSnapshot, collation: Oid): string {
  const table = snapshot.builtin.data.table('pg_collation');
  const index = table.byKey(collation)[0];
  return index === undefined ? String(collation) : quoteIdentifier(table.row(index)[1] as string);
}

function nonDefaultOpclass(snapshot: CatalogSnapshot, opclass: Oid): string | undefined {
  if (opclass === 0) return undefined;
  const table = snapshot.builtin.data.table('pg_opclass');
  const index = table.byKey(opclass)[0];
  const row = index === undefined ? undefined : table.row(index);
  return row === undefined || row[7] === true ? undefined : (row[2] as string);
}

/** Quoted name of a column by attnum. */
export function columnName(table: TableDescriptor | undefined, attnum: number): string {
  const column = table?.columns.find(each => each.attnum === attnum);
  return column === undefined ? '???' : quoteIdentifier(column.name);
}

function expressionText(text: string, style: DefinitionStyle): string {
  const shown = shownText(style.scope, text);
  return style.isPretty ? prettyExpression(shown) : shown;
}

const actions: Readonly<Record<ConstraintDescriptor['onDelete'], string | null>> = {
  a: null,
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
};

/** A constraint as pg_get_constraintdef prints it. */
export function constraintDefinition(
  constraint: ConstraintDescriptor,
  style: DefinitionStyle,
): string {
  const {snapshot} = style.scope;
  const table = snapshot.tableByOid(constraint.table);
  const names = constraint.columns.map(attnum => columnName(table, attnum)).join(', ');
  let text = '';
  switch (constraint.type) {
    case 'c':
      text = `CHECK (${expressionText(constraint.expressionText ?? '', style)})`;
      break;
    case 'p':
      text = `PRIMARY KEY (${names})${includedText(constraint, table, snapshot)}`;
      break;
    case 'u': {
      const index = snapshot.get('index', constraint.index) as IndexDescriptor | undefined;
      const distinct = index?.nullsNotDistinct === true ? ' NULLS NOT DISTINCT' : '';
      text = `UNIQUE${distinct} (${names})${includedText(constraint, table, snapshot)}`;
      break;
    }
    case 'f':
      text = foreignKeyText(constraint, names, style);
      break;
    case 'x':
      text = `EXCLUDE (${names})`;
      break;
  }
  if (constraint.isDeferrable) text += ' DEFERRABLE';
  if (constraint.isDeferred) text += ' INITIALLY DEFERRED';
  return constraint.isValidated ? text : `${text} NOT VALID`;
}

function includedText(
  constraint: ConstraintDescriptor,
  table: TableDescriptor | undefined,
  snapshot: CatalogSnapshot,
): string {
  const index = snapshot.get('index', constraint.index) as IndexDescriptor | undefined;
  const names = (index?.included ?? []).map(attnum => columnName(table, attnum));
  return names.length === 0 ? '' : ` INCLUDE (${names.join(', ')})`;
}

function foreignKeyText(
  constraint: ConstraintDescriptor,
  names: string,
  style: DefinitionStyle,
): string {
  const referenced = style.scope.snapshot.tableByOid(constraint.referencedTable);
  const targets = constraint.referencedColumns.map(attnum => columnName(referenced, attnum));
  const target = relationName(style.scope, constraint.referencedTable);
  let text = `FOREIGN KEY (${names}) REFERENCES ${target}(${targets.join(', ')})`;
  if (constraint.match === 'f') text += ' MATCH FULL';
  const onUpdate = actions[constraint.onUpdate];
  const onDelete = actions[constraint.onDelete];
  if (onUpdate !== null) text += ` ON UPDATE ${onUpdate}`;
  if (onDelete === null) return text;
  const only = constraint.onDeleteColumns?.map(attnum =>
    columnName(style.scope.snapshot.tableByOid(constraint.table), attnum),
  );
  return `${text} ON DELETE ${onDelete}${only === undefined ? '' : ` (${only.join(', ')})`}`;
}

/** Text of a built-in view, undefined when the relation is none. */
export function builtinViewText(snapshot: CatalogSnapshot, view: Oid): string | undefined {
  const table = snapshot.builtin.data.table('view_definitions');
  const index = table.byKey(view)[0];
  return index === undefined ? undefined : (table.row(index)[1] as string);
}

/** The definition of any view, ending in a semicolon; undefined when the relation is no view. */
export function viewDefinition(snapshot: CatalogSnapshot, view: Oid): string | undefined {
  const relation = snapshot.relationByOid(view);
  if (!isQueryRelation(relation)) return builtinViewText(snapshot, view);
  const text = queryTextOf(relation);
  return text.trimEnd().endsWith(';') ? text : `${text};`;
}

/** The rule behind a view, as pg_get_ruledef prints it. */
export function ruleDefinition(snapshot: CatalogSnapshot, view: Oid): string | undefined {
  const text = viewDefinition(snapshot, view);
  const relation = snapshot.relationByOid(view);
  if (text === undefined || relation === undefined) return undefined;
  const schema = quoteIdentifier(schemaName(snapshot, relation.schema));
  const target = `${schema}.${quoteIdentifier(relation.name)}`;
  return `CREATE RULE "_RETURN" AS\n    ON SELECT TO ${target} DO INSTEAD ${text}`;
}
