import type {BoundExpr, CallExpr} from '../../expr/bound.ts';

/** Prints a text, then an expression. */
export type PrintPiece = (text: string, expr: BoundExpr | null, showsImplicit: boolean) => void;

/** A call in the SQL syntax that PostgreSQL keeps for it (get_func_sql_syntax); false when the function has none. */
export function sqlSyntax(call: CallExpr, print: PrintPiece): boolean {
  const [a, b, c, d] = call.args as readonly [BoundExpr, BoundExpr, BoundExpr, BoundExpr];
  const words = (pieces: readonly (string | BoundExpr)[]): true => {
    for (const piece of pieces) {
      if (typeof piece === 'string') print(piece, null, false);
      else print('', piece, false);
    }
    return true;
  };
  switch (call.functionName) {
    case 'timezone':
      return words(['(', b, ' AT TIME ZONE ', a, ')']);
    case 'overlaps':
      return words(['((', a, ', ', b, ') OVERLAPS (', c, ', ', d, '))']);
    case 'extract':
      return words(['EXTRACT(', word(a), ' FROM ', b, ')']);
    case 'is_normalized':
      return words(['(', a, ' IS', b === undefined ? '' : ` ${word(b)}`, ' NORMALIZED)']);
    case 'pg_collation_for':
      return words(['COLLATION FOR (', a, ')']);
    case 'normalize':
      return words(['NORMALIZE(', a, b === undefined ? '' : `, ${word(b)}`, ')']);
    case 'overlay':
      return words([
        'OVERLAY(',
        a,
        ' PLACING ',
        b,
        ' FROM ',
        c,
        ...(d === undefined ? [] : [' FOR ', d]),
        ')',
      ]);
    case 'position':
      return words(['POSITION((', b, ') IN (', a, '))']);
    case 'substring': {
      if (c !== undefined && !isInt(c))
        return words(['SUBSTRING(', a, ' SIMILAR ', b, ' ESCAPE ', c, ')']);
      return words(['SUBSTRING(', a, ' FROM ', b, ...(c === undefined ? [] : [' FOR ', c]), ')']);
    }
    case 'btrim':
    case 'ltrim':
    case 'rtrim': {
      const side =
        call.functionName === 'btrim'
          ? 'BOTH'
          : call.functionName === 'ltrim'
            ? 'LEADING'
            : 'TRAILING';
      return words([`TRIM(${side}`, ...(b === undefined ? [] : [' ', b]), ' FROM ', a, ')']);
    }
    default:
      return false;
  }
}

/** A keyword that the grammar passed as a text constant. */
function word(expr: BoundExpr): string {
  return expr.kind === 'constant' ? String(expr.value) : '';
}

function isInt(expr: BoundExpr): boolean {
  return expr.type.oid === 23;
}
