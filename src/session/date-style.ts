import type {FormatSettings} from '../types/contract.ts';
import {invalid} from './setting-values.ts';

type Style = FormatSettings['dateStyle'];
type Order = FormatSettings['dateOrder'];

const STYLES: Readonly<Record<string, Style>> = {
  iso: 'ISO',
  sql: 'SQL',
  german: 'German',
  postgres: 'Postgres',
};
const ORDERS: Readonly<Record<string, Order>> = {
  ymd: 'YMD',
  dmy: 'DMY',
  euro: 'DMY',
  european: 'DMY',
  mdy: 'MDY',
  us: 'MDY',
  noneuro: 'MDY',
  noneuropean: 'MDY',
};

/** Parses `SET DateStyle`: style and field order in any sequence, the missing one kept from `current`. */
export function parseDateStyle(
  text: string,
  current: {style: Style; order: Order},
): {style: Style; order: Order} {
  let {style, order} = current;
  let hasStyle = false;
  let hasOrder = false;
  for (const part of text.split(',')) {
    const word = part.trim().toLowerCase();
    if (word in STYLES) {
      if (hasStyle && STYLES[word] !== style) throw conflicting(text);
      style = STYLES[word]!;
      hasStyle = true;
      // German implies day first unless the order is given.
      if (style === 'German' && !hasOrder) order = 'DMY';
    } else if (word in ORDERS) {
      if (hasOrder && ORDERS[word] !== order) throw conflicting(text);
      order = ORDERS[word]!;
      hasOrder = true;
    } else if (word === 'default') {
      if (!hasStyle) style = 'ISO';
      if (!hasOrder) order = 'MDY';
    } else {
      throw invalid(`invalid value for parameter "DateStyle": "${text}"`);
    }
  }
  return {style, order};
}

function conflicting(text: string): Error {
  return invalid(`invalid value for parameter "DateStyle": "${text}"`);
}
