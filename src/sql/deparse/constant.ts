import {formatType, type NameScope} from '../../catalog/names.ts';
import {regOut} from '../../catalog/reg-names.ts';
import type {Datum, FormatSettings, TypeInstance} from '../../types/contract.ts';

/** A constant to print. */
export interface ConstantText {
  readonly type: TypeInstance;
  readonly typmod: number;
  readonly value: Datum;
}

/** When the type stands behind a constant: never, where PostgreSQL finds it needed, always. */
export type TypeLabel = 'never' | 'needed' | 'always';

const BOOL = 16;
const INT4 = 23;
const UNKNOWN = 705;
const NUMERIC = 1700;

/** A constant as PostgreSQL's get_const_expr prints it. */
export function constantText(
  constant: ConstantText,
  scope: NameScope,
  settings: FormatSettings,
  label: TypeLabel,
): string {
  const {type, typmod, value} = constant;
  const suffix = `::${formatType(scope, type.oid, typmod)}`;
  if (value === null) return label === 'never' ? 'NULL' : `NULL${suffix}`;
  const text =
    type.name.startsWith('reg') && typeof value === 'number'
      ? regOut(scope, type.name, value)
      : type.output(value, settings);
  const {shown, needsLabel} = literal(type, typmod, text);
  return label === 'always' || (label === 'needed' && needsLabel) ? shown + suffix : shown;
}

function literal(
  type: TypeInstance,
  typmod: number,
  text: string,
): {readonly shown: string; readonly needsLabel: boolean} {
  switch (type.oid as number) {
    case BOOL:
      return {shown: text === 't' ? 'true' : 'false', needsLabel: false};
    case UNKNOWN:
      return {shown: quoted(text), needsLabel: false};
    case INT4:
      return text.startsWith('-')
        ? {shown: quoted(text), needsLabel: true}
        : {shown: text, needsLabel: false};
    case NUMERIC: {
      const isPlain = /^\d[\d+\-eE.]*$/.test(text) && /[eE.]/.test(text);
      return {shown: isPlain ? text : quoted(text), needsLabel: !isPlain || typmod >= 0};
    }
    default:
      return {shown: quoted(text), needsLabel: true};
  }
}

/** A string in quotes (standard_conforming_strings is always on). */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
