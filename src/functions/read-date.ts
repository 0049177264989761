// to_date and to_timestamp: PostgreSQL's DCH_from_char and do_to_timestamp (formatting.c).
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {DateNode} from './format-date.ts';
import {dayNames, monthNames, romanMonths} from './format-date.ts';

/** Fields that a format found in a text; 0 is "not given", as in PostgreSQL. */
export interface DateFields {
  hh: number;
  mi: number;
  ss: number;
  ssss: number;
  ms: number;
  us: number;
  pm: number;
  isTwelveHour: boolean;
  d: number;
  dd: number;
  ddd: number;
  mm: number;
  year: number;
  yearDigits: number;
  bc: number;
  ww: number;
  w: number;
  cc: number;
  j: number;
  zoneSign: number;
  zoneHour: number;
  zoneMinute: number;
  mode: 'none' | 'gregorian' | 'iso';
}

type NumberField = Exclude<keyof DateFields, 'isTwelveHour' | 'mode'>;

const format = (text: string, detail?: string, hint?: string): PgError =>
  new PgError(SqlState.invalidDatetimeFormat, text, {detail, hint});
const gregorian: ReadonlySet<string> = new Set([
  'D',
  'DD',
  'DDD',
  'MM',
  'MON',
  'MONTH',
  'RM',
  'W',
  'WW',
  'Y',
  'YY',
  'YYY',
  'YYYY',
  'Y,YYY',
]);
const iso: ReadonlySet<string> = new Set(['I', 'ID', 'IDDD', 'IW', 'IY', 'IYY', 'IYYY']);
const wordKeys: ReadonlySet<string> = new Set([
  'A.D.',
  'A.M.',
  'AD',
  'AM',
  'B.C.',
  'BC',
  'DAY',
  'DY',
  'FX',
  'MONTH',
  'MON',
  'OF',
  'P.M.',
  'PM',
  'RM',
  'TZ',
  'TZH',
]);
const plainNumbers: Readonly<Record<string, readonly [NumberField, number]>> = {
  HH24: ['hh', 2],
  MI: ['mi', 2],
  SS: ['ss', 2],
  SSSS: ['ssss', 4],
  SSSSS: ['ssss', 5],
  MM: ['mm', 2],
  DDD: ['ddd', 3],
  IDDD: ['ddd', 3],
  DD: ['dd', 2],
  D: ['d', 1],
  WW: ['ww', 2],
  IW: ['ww', 2],
  CC: ['cc', 2],
  W: ['w', 1],
  J: ['j', 1],
};
const partialYears: Readonly<Record<string, readonly [number, number]>> = {
  YYY: [3, 3],
  IYY: [3, 3],
  YY: [2, 2],
  IY: [2, 2],
  Y: [1, 1],
  I: [1, 1],
};

/** Reads a text by a format. */
export class DateReader {
  readonly #text: string;
  readonly #nodes: readonly DateNode[];
  #at = 0;
  #extra = 0;
  #isFixed = false;
  readonly fields: DateFields = {
    hh: 0,
    mi: 0,
    ss: 0,
    ssss: 0,
    ms: 0,
    us: 0,
    pm: 0,
    isTwelveHour: false,
    d: 0,
    dd: 0,
    ddd: 0,
    mm: 0,
    year: 0,
    yearDigits: 0,
    bc: 0,
    ww: 0,
    w: 0,
    cc: 0,
    j: 0,
    zoneSign: 0,
    zoneHour: 0,
    zoneMinute: 0,
    mode: 'none',
  };

  constructor(text: string, nodes: readonly DateNode[]) {
    this.#text = text;
    this.#nodes = nodes;
  }

  read(): DateFields {
    for (let index = 0; index < this.#nodes.length && this.#at < this.#text.length; index++) {
      const node = this.#nodes[index]!;
      if (
        !this.#isFixed &&
        node.key?.toUpperCase() !== 'FX' &&
        (node.kind === 'action' || index === 0)
      ) {
        while (/\s/.test(this.#text[this.#at] ?? '')) {
          this.#at++;
          this.#extra++;
        }
      }
      if (node.kind === 'action') this.#action(node, index);
      else this.#skip(node);
    }
    return this.fields;
  }

  #skip(node: DateNode): void {
    const size = this.#text.codePointAt(this.#at)! > 0xffff ? 2 : 1;
    if (this.#isFixed) this.#at += size;
    else if (node.kind === 'char') {
      if (this.#extra > 0) this.#extra--;
      else this.#at += size;
    } else {
      this.#extra--;
      if (/[\s!-/:-@[-`{-~]/.test(this.#text[this.#at]!)) {
        this.#at++;
        this.#extra++;
      }
    }
  }

  #setMode(key: string): void {
    const mode = gregorian.has(key) ? 'gregorian' : iso.has(key) ? 'iso' : 'none';
    if (mode === 'none') return;
    if (this.fields.mode !== 'none' && this.fields.mode !== mode) {
      throw format(
        'invalid combination of date conventions',
        undefined,
        'Do not mix Gregorian and ISO week date conventions in a formatting template.',
      );
    }
    this.fields.mode = mode;
  }

  #action(node: DateNode, index: number): void {
    const key = node.key!.toUpperCase();
    this.#setMode(key);
    const plain = plainNumbers[key];
    if (plain !== undefined) this.#number(plain[0], plain[1], node, index);
    else if (partialYears[key] !== undefined) this.#partialYear(partialYears[key], node, index);
    else if (!this.#word(key, node)) this.#special(key, node, index);
    if (node.ordinal !== '') this.#at = Math.min(this.#at + 2, this.#text.length);
  }

  #special(key: string, node: DateNode, index: number): void {
    const {fields} = this;
    switch (key) {
      case 'FX':
        this.#isFixed = true;
        return;
      case 'HH':
      case 'HH12':
        this.#number('hh', 2, node, index);
        fields.isTwelveHour = true;
        return;
      case 'MS': {
        const size = this.#number('ms', 3, node, index);
        fields.ms *= size === 1 ? 100 : size === 2 ? 10 : 1;
        return;
      }
      case 'US':
      case 'FF1':
      case 'FF2':
      case 'FF3':
      case 'FF4':
      case 'FF5':
      case 'FF6': {
        const size = this.#number('us', key === 'US' ? 6 : Number(key[2]), node, index);
        fields.us *= 10 ** Math.max(6 - size, 0);
        return;
      }
      case 'YYYY':
      case 'IYYY':
        this.#number('year', 4, node, index);
        fields.yearDigits = 4;
        return;
      case 'ID':
        this.#number('d', 1, node, index);
        fields.d = fields.d + 1 > 7 ? 1 : fields.d + 1;
        return;
      case 'Q':
        this.#number(null, 1, node, index);
        return;
      default:
        this.#rare(key, node, index);
    }
  }

  #rare(key: string, node: DateNode, index: number): void {
    const {fields} = this;
    switch (key) {
      case 'Y,YYY': {
        const match = /^\s*([+-]?\d+),\s*([+-]?\d{1,3})/.exec(this.#text.slice(this.#at));
        if (match === null) throw format('invalid input string for "Y,YYY"');
        this.#set('year', Number(match[1]) * 1000 + Number(match[2]), node);
        fields.yearDigits = 4;
        this.#at += match[0].length;
        return;
      }
      case 'TZH': {
        const char = this.#text[this.#at];
        if (char === '+' || char === '-' || char === ' ') {
          fields.zoneSign = char === '-' ? -1 : 1;
          this.#at++;
        } else fields.zoneSign = this.#extra > 0 && this.#text[this.#at - 1] === '-' ? -1 : 1;
        this.#number('zoneHour', 2, node, index);
        return;
      }
      case 'TZM':
        if (fields.zoneSign === 0) fields.zoneSign = 1;
        this.#number('zoneMinute', 2, node, index);
        return;
      default:
        throw new PgError(
          SqlState.featureNotSupported,
          `formatting field "${node.key}" is only supported in to_char`,
        );
    }
  }

  #partialYear([length, digits]: readonly [number, number], node: DateNode, index: number): void {
    const {fields} = this;
    const before = fields.year;
    fields.year = 0;
    const size = this.#number('year', length, node, index);
    if (size < 4) fields.year = fullYear(fields.year);
    const found = fields.year;
    fields.year = before;
    this.#set('year', found, node);
    fields.yearDigits = digits;
  }

  #word(key: string, node: DateNode): boolean {
    switch (key) {
      case 'A.M.':
      case 'P.M.':
        this.#set('pm', this.#search(['a.m.', 'p.m.'], node) % 2, node);
        this.fields.isTwelveHour = true;
        return true;
      case 'AM':
      case 'PM':
        this.#set('pm', this.#search(['am', 'pm'], node) % 2, node);
        this.fields.isTwelveHour = true;
        return true;
      case 'A.D.':
      case 'B.C.':
        this.#set('bc', this.#search(['a.d.', 'b.c.'], node) % 2, node);
        return true;
      case 'AD':
      case 'BC':
        this.#set('bc', this.#search(['ad', 'bc'], node) % 2, node);
        return true;
      case 'MONTH':
        this.#set('mm', this.#search(monthNames, node) + 1, node);
        return true;
      case 'MON':
        this.#set(
          'mm',
          this.#search(
            monthNames.map(name => name.slice(0, 3)),
            node,
          ) + 1,
          node,
        );
        return true;
      case 'DAY':
        this.#set('d', this.#search(dayNames, node) + 1, node);
        return true;
      case 'DY':
        this.#set(
          'd',
          this.#search(
            dayNames.map(name => name.slice(0, 3)),
            node,
          ) + 1,
          node,
        );
        return true;
      case 'RM':
        this.#set('mm', 12 - this.#search([...romanMonths].reverse(), node), node);
        return true;
      default:
        return false;
    }
  }

  /** The name that the text goes on with. */
  #search(names: readonly string[], node: DateNode): number {
    const rest = this.#text.slice(this.#at).toLowerCase();
    const found = names.findIndex(name => rest.startsWith(name.toLowerCase()));
    if (found === -1) {
      const shown = this.#text.slice(this.#at).split(/\s/)[0];
      throw format(
        `invalid value "${shown}" for "${node.key}"`,
        'The given value did not match any of the allowed values for this field.',
      );
    }
    this.#at += names[found]!.length;
    return found;
  }

  #set(field: NumberField, value: number, node: DateNode): void {
    if (this.fields[field] !== 0 && this.fields[field] !== value) {
      throw format(
        `conflicting values for "${node.key}" field in formatting string`,
        'This value contradicts a previous setting for the same field type.',
      );
    }
    this.fields[field] = value;
  }

  /** Reads a whole number; of exactly `length` characters when digits may follow at once. Answers how many characters it took. */
  #number(field: NumberField | null, length: number, node: DateNode, index: number): number {
    const init = this.#at;
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
    const copy = this.#text.slice(this.#at, this.#at + length);
    const hint = 'If your source string is not fixed-width, try using the "FM" modifier.';
    let digits: string;
    if (node.isFill || this.#isNextSeparator(node, index)) {
      digits = /^[+-]?\d+/.exec(this.#text.slice(this.#at))?.[0] ?? '';
      if (digits === '') this.#at = init;
    } else {
      if (copy.length < length) {
        throw format(
          `source string too short for "${node.key}" formatting field`,
          `Field requires ${length} characters, but only ${copy.length} remain.`,
          hint,
        );
      }
      digits = /^\s*[+-]?\d+/.exec(copy)?.[0] ?? '';
      if (digits !== '' && digits.length < length) {
        throw format(
          `invalid value "${copy}" for "${node.key}"`,
          `Field requires ${length} characters, but only ${digits.length} could be parsed.`,
          hint,
        );
      }
    }
    this.#at += digits.length;
    if (this.#at === init)
      throw format(`invalid value "${copy}" for "${node.key}"`, 'Value must be an integer.');
    const value = Number(digits);
    if (value !== (value | 0)) {
      throw new PgError(
        SqlState.datetimeFieldOverflow,
        `value for "${node.key}" in source string is out of range`,
        {detail: 'Value must be in the range -2147483648 to 2147483647.'},
      );
    }
    if (field !== null) this.#set(field, value, node);
    return this.#at - init;
  }

  #isNextSeparator(node: DateNode, index: number): boolean {
    if (node.ordinal !== '') return true;
    const next = this.#nodes[index + 1];
    if (next === undefined) return true;
    if (next.key !== null) return wordKeys.has(next.key.toUpperCase());
    return !/^\d$/.test(next.text);
  }
}

/** Years of one to three digits are taken nearest to 2020. */
function fullYear(year: number): number {
  if (year < 70) return year + 2000;
  if (year < 100) return year + 1900;
  if (year < 520) return year + 2000;
  return year < 1000 ? year + 1000 : year;
}
