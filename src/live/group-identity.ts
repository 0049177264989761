import type {ExprRun} from '../expr/run.ts';
import type {FormatSettings} from '../types/contract.ts';
import {datumText} from './expr-text.ts';
import {paramsWith} from './lift-constants.ts';
import type {AnyShape} from './live-shape.ts';
import type {TokenScope} from './resume-token.ts';
import type {SharedOptions, SubscribeOptions} from './subscription-types.ts';

/** What the expressions of a subscription are evaluated with. */
export function runOf(
  {shape, context}: Pick<SharedOptions, 'shape' | 'context'>,
  {params, slots}: Pick<SubscribeOptions, 'params' | 'slots'>,
): ExprRun {
  return {params: paramsWith(shape, params), slots, outer: [], context};
}

/** What tells the tokens of a subscription from those of others. */
export type TokenAsked = Pick<
  SubscribeOptions,
  'shape' | 'params' | 'slots' | 'owner' | 'role' | 'queryText'
>;

/** What the tokens of a subscription are good for. */
export function tokenScope(asked: TokenAsked): TokenScope {
  const {shape, params, slots, owner, role} = asked;
  const values = valuesText(shape, {params: paramsWith(shape, params), slots});
  return {
    role,
    query: `${shape.queryId}\n${owner}\n${values}`,
    schemaVersion: shape.schemaVersion,
    asked: askedText(asked),
  };
}

/** A text that is equal for equal parameters and literals. */
export function valuesText(shape: AnyShape, run: Pick<ExprRun, 'params' | 'slots'>): string {
  return shape.values
    .map(
      ({kind, index, type}) =>
        `${kind}${index}=${datumText((kind === 'param' ? run.params : run.slots)[index] ?? null, type)}`,
    )
    .join('\n');
}

/** The query as it was asked, with its arguments; unlike a shape it does not know policies and definitions of views. */
function askedText({queryText, params}: Pick<SubscribeOptions, 'queryText' | 'params'>): string {
  const texts = params.map(value =>
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}` : part)),
  );
  return [selectOf(queryText), ...texts].join('\n');
}

/** The SELECT of a SUBSCRIBE, about: without what is around it, its options, blanks and parentheses. */
function selectOf(text: string): string {
  const inner = /^\s*(?:declare|copy|subscribe)\b/i.test(text)
    ? text
        .replace(/^[^]*?\bsubscribe\b(?:\s+to\b)?/i, '')
        .replace(/\b(?:with|options)\s*\([^()]*\)[^]*$/i, '')
    : text;
  return inner.replace(/[\s();]+/g, '');
}

/** Settings that can change what a STABLE function or a JSON value looks like. */
export function settingsText(format: FormatSettings): string {
  return [
    format.timeZone,
    format.dateStyle,
    format.dateOrder,
    format.intervalStyle,
    format.extraFloatDigits,
    format.byteaOutput,
  ].join(' ');
}

/** What a session value other than the role's name can depend on. */
export function sessionText({session}: ExprRun['context']): string {
  return ` ${session.sessionUser()} ${session.currentSchemas(true).join()}`;
}
