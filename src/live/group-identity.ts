import type {ExprRun} from '../expr/run.ts';
import {PgArray} from '../types/array-value.ts';
import type {Datum, FormatSettings} from '../types/contract.ts';
import {datumText} from './expr-text.ts';
import {paramsWith} from './lift-constants.ts';
import type {AnyShape, LiveShape} from './live-shape.ts';
import type {CompiledShape} from './match/compiled-shape.ts';
import type {RowKey} from './match/row-key.ts';
import type {SubscribeOptions} from './subscription-types.ts';

/** The access keys of a subscription: null when its shape has none. */
export function accessKeys(
  shape: LiveShape,
  compiled: CompiledShape,
  options: SubscribeOptions<LiveShape>,
  run: ExprRun,
): readonly RowKey[] | null {
  const {access} = shape;
  if (access === null) return null;
  const keys = new Set<RowKey>();
  const add = (values: readonly Datum[]): void => {
    const key = compiled.keyMaker!.ofValues(values);
    if (key !== undefined) keys.add(key);
  };
  for (const parts of access.keys) add(parts.map(part => options.compiler.scalar(part)(run)));
  if (access.list !== null) {
    const list = options.compiler.scalar(access.list)(run);
    if (list instanceof PgArray) for (const element of list.elements) add([element]);
  }
  return [...keys];
}

/** What the expressions of a subscription are evaluated with. */
export function runOf(
  options: Pick<SubscribeOptions, 'shape' | 'params' | 'slots' | 'context'>,
): ExprRun {
  return {
    params: paramsWith(options.shape, options.params),
    slots: options.slots,
    outer: [],
    context: options.context,
  };
}

/** A text that is equal for equal parameters and literals. */
export function valuesText(shape: AnyShape, run: ExprRun): string {
  return shape.values
    .map(
      ({kind, index, type}) =>
        `${kind}${index}=${datumText((kind === 'param' ? run.params : run.slots)[index] ?? null, type)}`,
    )
    .join('\n');
}

/** The query as it was asked, with its arguments; unlike a shape it does not know policies and definitions of views. */
export function askedText({
  queryText,
  params,
}: Pick<SubscribeOptions, 'queryText' | 'params'>): string {
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
