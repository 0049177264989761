import type {A_Const, DefElem, Node, RangeVar} from '@pgsql/types';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** Text of a constant in a tree (options, SET values); '' when absent. */
export function constantText(node: Node | undefined): string {
  if (node === undefined) return '';
  if ('A_Const' in node) return literalText(node.A_Const);
  if ('String' in node) return node.String.sval ?? '';
  if ('Integer' in node) return String(node.Integer.ival ?? 0);
  if ('Float' in node) return node.Float.fval ?? '0';
  if ('Boolean' in node) return node.Boolean.boolval === true ? 'true' : 'false';
  if ('TypeCast' in node) return constantText(node.TypeCast.arg);
  if ('TypeName' in node) return stringList(node.TypeName.names).join('.');
  if ('List' in node) return (node.List.items ?? []).map(constantText).join(', ');
  if ('ColumnRef' in node) return (node.ColumnRef.fields ?? []).map(constantText).join('.');
  throw new PgError(SqlState.syntaxError, 'a constant is expected');
}

function literalText(literal: A_Const): string {
  if (literal.sval !== undefined) return literal.sval.sval ?? '';
  if (literal.ival !== undefined) return String(literal.ival.ival ?? 0);
  if (literal.fval !== undefined) return literal.fval.fval ?? '0';
  if (literal.boolval !== undefined) return literal.boolval.boolval === true ? 'true' : 'false';
  if (literal.bsval !== undefined) return literal.bsval.bsval ?? '';
  return '';
}

/** The strings of a list of String nodes. */
export function stringList(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).map(node => ('String' in node ? (node.String.sval ?? '') : ''));
}

/** A possibly qualified name. */
export interface QualifiedName {
  readonly schema: string | null;
  readonly name: string;
}

/** The name of a relation in a tree. */
export function rangeVarName(range: RangeVar): QualifiedName {
  return {schema: range.schemaname ?? null, name: range.relname ?? ''};
}

/** A name given as a list of strings: [database.][schema.]name. */
export function listName(names: readonly string[]): QualifiedName {
  return {
    schema: names.length > 1 ? names[names.length - 2]! : null,
    name: names[names.length - 1] ?? '',
  };
}

/** DefElems of a list. */
export function defElems(nodes: readonly Node[] | undefined): DefElem[] {
  return (nodes ?? []).flatMap(node => ('DefElem' in node ? [node.DefElem] : []));
}

/** A boolean option: present without a value means true. */
export function booleanOption(option: DefElem): boolean {
  if (option.arg === undefined) return true;
  const text = constantText(option.arg).toLowerCase();
  if (text === 'true' || text === 'on' || text === '1' || text === 'yes') return true;
  if (text === 'false' || text === 'off' || text === '0' || text === 'no') return false;
  throw new PgError(SqlState.syntaxError, `${option.defname} requires a Boolean value`);
}
