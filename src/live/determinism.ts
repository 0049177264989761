import {createHash} from 'node:crypto';
import {featureNotSupported, type PgError} from '../common/errors.ts';
import type {BoundExpr} from '../expr/bound.ts';
import {walkExpr} from '../expr/children.ts';
import type {ValueRef} from './live-shape.ts';

/** 0A000: why a query cannot be live. */
export function unsupported(what: string): PgError {
  return featureNotSupported(`live queries with ${what} are not supported`, {
    hint: 'A live query is a SELECT whose result depends on the rows of tables only.',
  });
}

/** STABLE functions whose result depends on settings only, which a subscription keeps as they were at its start. */
const SETTING_ONLY: readonly RegExp[] = [
  /^(text_concat|text_format|textanycat|anytextcat|concat|array_to_text|format_type)/,
  /^(to_json|row_to_json|array_to_json|jsonb?_build)/,
  /^(\w+_to_char|to_timestamp|to_date|cash_)/,
  /^(timestamptz_(?!age)|timestamp_timestamptz|date_timestamptz|extract_timestamptz)/,
  /^(date|timestamp)_(eq|ne|lt|le|gt|ge|cmp)_timestamptz/,
  /^(record_|enum_|array_(eq|ne|lt|le|gt|ge))/,
];

/** 0A000 when a value can change without a change of a row: the clock, volatile functions, functions that read the catalog. */
export function checkExpression(expr: BoundExpr): void {
  walkExpr(expr, node => {
    if (
      node.kind === 'sessionValue' &&
      (node.name.startsWith('current_') || node.name.startsWith('local'))
    ) {
      if (/date|time/.test(node.name)) throw unsupported(`${node.name.toUpperCase()}`);
    }
    if (node.kind !== 'call' || node.volatility === 'i') return;
    checkFunction(node);
  });
}

/** 0A000 when a function's result can change by itself. */
export function checkFunction(call: {
  readonly volatility: string;
  readonly functionName: string;
  readonly source: string;
}): void {
  if (call.volatility === 'i') return;
  if (call.volatility === 'v') throw unsupported(`the volatile function ${call.functionName}()`);
  if (!SETTING_ONLY.some(known => known.test(call.source)))
    throw unsupported(`the function ${call.functionName}(), which is not immutable,`);
}

/** Whether expressions read more of the session than its role: session_user and its kin. */
export function readsSession(exprs: readonly BoundExpr[]): boolean {
  let reads = false;
  for (const expr of exprs)
    walkExpr(expr, node => {
      if (node.kind === 'sessionValue' && node.name !== 'current_user') reads = true;
      if (node.kind === 'call' && node.volatility !== 'i') reads = true;
    });
  return reads;
}

/** The parameters and literal slots that expressions read. */
export function valuesOf(exprs: readonly BoundExpr[]): ValueRef[] {
  const found = new Map<string, ValueRef>();
  for (const expr of exprs) {
    walkExpr(expr, node => {
      if (node.kind !== 'param' && node.kind !== 'slot') return;
      const key = `${node.kind}${node.index}`;
      if (!found.has(key)) found.set(key, {kind: node.kind, index: node.index, type: node.type});
    });
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

/** A short text that is equal for equal parts. */
export function hashOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('base64url').slice(0, 22);
}
