import type {A_Const, Node} from '@pgsql/types';

/** The one key of a node: its kind. */
export function nodeKind(node: Node): string {
  for (const key in node) return key;
  return '';
}

/** Text of a String node, '' for any other. */
export function stringOf(node: Node | undefined): string {
  return node !== undefined && 'String' in node ? (node.String.sval ?? '') : '';
}

/** Names in a list of String nodes. */
export function namesOf(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).map(stringOf);
}

/** Byte offset of a node in the text, -1 when the grammar gave none. */
export function locationOf(node: Node | undefined): number {
  if (node === undefined) return -1;
  if ('A_Expr' in node && node.A_Expr.lexpr !== undefined) {
    const left = locationOf(node.A_Expr.lexpr);
    return left >= 0 && left < (node.A_Expr.location ?? 0) ? left : (node.A_Expr.location ?? -1);
  }
  for (const value of Object.values(node) as {readonly location?: number}[]) {
    if (value !== null && typeof value === 'object' && typeof value.location === 'number')
      return value.location;
    if ('A_Indirection' in node && node.A_Indirection.arg !== undefined)
      return locationOf(node.A_Indirection.arg);
    if ('A_Expr' in node) return locationOf(node.A_Expr.lexpr ?? node.A_Expr.rexpr);
    if ('FuncCall' in node || 'ColumnRef' in node || 'ResTarget' in node || 'A_Const' in node)
      return 0;
  }
  return -1;
}

/** Integer of an A_Const or Integer node; undefined for anything else. */
export function integerOf(node: Node | undefined): number | undefined {
  if (node === undefined) return undefined;
  if ('Integer' in node) return node.Integer.ival ?? 0;
  if ('A_Const' in node && node.A_Const.ival !== undefined) return node.A_Const.ival.ival ?? 0;
  return undefined;
}

/** Whether a constant node is NULL. */
export function isNullConst(constant: A_Const): boolean {
  return constant.isnull === true;
}

/** Whether a column reference is `*` or ends in it. */
export function isStar(node: Node | undefined): boolean {
  if (node === undefined || !('ColumnRef' in node)) return false;
  const last = node.ColumnRef.fields?.at(-1);
  return last !== undefined && 'A_Star' in last;
}
