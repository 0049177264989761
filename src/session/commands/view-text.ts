import type {Node, RangeVar} from '@pgsql/types';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {unitOffset} from '../../sql/parse/positions.ts';
import {tokenize, type SqlToken} from '../../sql/parse/tokens.ts';
import type {WadiSession} from '../wadi-session.ts';
import {findRelation} from './object-names.ts';

/** A stretch of a text to be written before. */
interface Insertion {
  readonly at: number;
  readonly text: string;
}

/**
 * The query of a CREATE VIEW as it is kept: its own text from behind AS, with the schema before each relation that is named without one, so that
 * it means the same under any search path.
 */
export function viewQueryText(session: WadiSession, text: string, name: RangeVar, query: Node): string {
  const start = unitOffset(text, name.location ?? 0);
  const tokens = tokenize(text.slice(start)).map(token => ({...token, start: token.start + start, end: token.end + start}));
  const [from, to] = queryRange(tokens);
  const insertions = unqualified(session, query)
    .map(({location, schema}): Insertion => ({at: unitOffset(text, location), text: `${quoteIdentifier(schema)}.`}))
    .sort((a, b) => b.at - a.at);
  let result = text.slice(0, to);
  for (const {at, text: insertion} of insertions) {
    if (at >= from && at < to) result = result.slice(0, at) + insertion + result.slice(at);
  }
  return result.slice(from).trim();
}

/** From behind AS to the end of the statement, without WITH CHECK OPTION. */
function queryRange(tokens: readonly SqlToken[]): readonly [from: number, to: number] {
  let depth = 0;
  let from = -1;
  let end = tokens.length;
  for (let at = 0; at < tokens.length; at++) {
    const {kind, text} = tokens[at]!;
    if (kind === 'punctuation' && text === '(') depth++;
    else if (kind === 'punctuation' && text === ')') depth--;
    else if (depth > 0) continue;
    else if (from < 0 && kind === 'word' && text === 'as') from = at + 1;
    else if (from >= 0 && ((kind === 'punctuation' && text === ';') || (kind === 'word' && (text === 'create' || text === 'grant')))) {
      end = at;
      break;
    }
  }
  const words = tokens.slice(Math.max(from, end - 4), end).map(token => token.text);
  if (words.slice(-2).join(' ') === 'check option') {
    const with1 = words.lastIndexOf('with');
    if (with1 >= 0) end -= words.length - with1;
  }
  return [tokens[from]?.start ?? 0, tokens[end - 1]?.end ?? 0];
}

/** Relations named without a schema (CTEs are none), with the byte offset of the name. */
function unqualified(session: WadiSession, query: Node): {readonly location: number; readonly schema: string}[] {
  const found: {readonly location: number; readonly schema: string}[] = [];
  const {catalog} = session.transaction;
  const visit = (value: unknown, ctes: ReadonlySet<string>): void => {
    if (Array.isArray(value)) for (const each of value) visit(each, ctes);
    else if (typeof value === 'object' && value !== null) {
      if ('RangeVar' in value) {
        const range = value.RangeVar as RangeVar;
        const name = range.relname ?? '';
        const isBare = (range.schemaname === undefined || range.schemaname === '') && !ctes.has(name);
        const relation = isBare ? findRelation(session, {schema: null, name}, true) : undefined;
        const schema = relation === undefined ? undefined : catalog.schemaByOid(relation.schema);
        if (schema !== undefined && range.location !== undefined) found.push({location: range.location, schema: schema.name});
        return;
      }
      const inner = withCtes(value, ctes);
      for (const each of Object.values(value)) visit(each, inner);
    }
  };
  visit(query, new Set());
  return found;
}

function withCtes(node: object, known: ReadonlySet<string>): ReadonlySet<string> {
  const clause = (node as {readonly withClause?: {readonly ctes?: readonly Node[]}}).withClause;
  if (clause?.ctes === undefined) return known;
  const names = clause.ctes.flatMap(each => ('CommonTableExpr' in each ? [each.CommonTableExpr.ctename ?? ''] : []));
  return new Set([...known, ...names]);
}
