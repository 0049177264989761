import type {BoundExpr} from '../expr/bound.ts';
import type {Datum, TypeInstance, Value} from '../types/contract.ts';

/** A text that is equal for expressions that mean the same: types by OID, constants by their stored form, without locations. */
export function exprText(expr: BoundExpr): string {
  return JSON.stringify(plain(expr));
}

/** A text that is equal for values that are stored alike (1.0 and 1.00 differ). */
export function datumText(value: Datum, type: TypeInstance): string {
  return value === null ? 'null' : storedText(value, type);
}

function storedText(value: Value, type: TypeInstance): string {
  const stored = type.toSqlite(value);
  if (stored === null) return 'n';
  if (stored instanceof Uint8Array)
    return `x${Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString('base64')}`;
  if (typeof stored === 'number') return Object.is(stored, -0) ? '-0' : `f${stored}`;
  return typeof stored === 'bigint' ? `i${stored}` : JSON.stringify(stored);
}

/** What may differ between two plans of the same query. */
const MEANINGLESS: ReadonlySet<string> = new Set([
  ...['location', 'functionName', 'operatorName', 'estimatedRows'],
]);

function plain(node: unknown): unknown {
  if (typeof node === 'bigint') return `${node}n`;
  if (Array.isArray(node)) return node.map(plain);
  if (typeof node !== 'object' || node === null) return node;
  const fields = node as Readonly<Record<string, unknown>>;
  const out: unknown[] = [];
  for (const key of Object.keys(fields).sort()) {
    if (MEANINGLESS.has(key)) continue;
    const value = fields[key];
    if (key === 'type') out.push(key, (value as TypeInstance).oid);
    else if (key === 'value' && fields['kind'] === 'constant')
      out.push(key, datumText(value as Datum, fields['type'] as TypeInstance));
    else out.push(key, plain(value));
  }
  return out;
}
