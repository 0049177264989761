// Date and time formats of to_char, to_date, to_timestamp (9.8): cut into actions with their modifiers.

/** Actions of a date format, longest names first where they share a beginning. */
const keywords = [
  'A.D.',
  'A.M.',
  'AD',
  'AM',
  'B.C.',
  'BC',
  'CC',
  'DAY',
  'DDD',
  'DD',
  'DY',
  'Day',
  'Dy',
  'D',
  'FF1',
  'FF2',
  'FF3',
  'FF4',
  'FF5',
  'FF6',
  'FX',
  'HH24',
  'HH12',
  'HH',
  'IDDD',
  'ID',
  'IW',
  'IYYY',
  'IYY',
  'IY',
  'I',
  'J',
  'MI',
  'MM',
  'MONTH',
  'MON',
  'MS',
  'Month',
  'Mon',
  'OF',
  'P.M.',
  'PM',
  'Q',
  'RM',
  'SSSSS',
  'SSSS',
  'SS',
  'TZH',
  'TZM',
  'TZ',
  'US',
  'WW',
  'W',
  'Y,YYY',
  'YYYY',
  'YYY',
  'YY',
  'Y',
  'a.d.',
  'a.m.',
  'ad',
  'am',
  'b.c.',
  'bc',
  'cc',
  'day',
  'ddd',
  'dd',
  'dy',
  'd',
  'ff1',
  'ff2',
  'ff3',
  'ff4',
  'ff5',
  'ff6',
  'fx',
  'hh24',
  'hh12',
  'hh',
  'iddd',
  'id',
  'iw',
  'iyyy',
  'iyy',
  'iy',
  'i',
  'j',
  'mi',
  'mm',
  'month',
  'mon',
  'ms',
  'of',
  'p.m.',
  'pm',
  'q',
  'rm',
  'sssss',
  'ssss',
  'ss',
  'tzh',
  'tzm',
  'tz',
  'us',
  'ww',
  'w',
  'y,yyy',
  'yyyy',
  'yyy',
  'yy',
  'y',
] as const;

/** A keyword as written; its upper-case form says what it means. */
export type DateKeyword = (typeof keywords)[number];

/** One node: an action, a separator, or other text. */
export interface DateNode {
  readonly key: DateKeyword | null;
  /** Text of a literal or separator. */
  readonly text: string;
  readonly kind: 'action' | 'separator' | 'space' | 'char';
  readonly isFill: boolean;
  readonly isTranslated: boolean;
  /** 'TH', 'th' or ''. */
  readonly ordinal: string;
}

const isSeparator = (char: string): boolean => /[!-/:-@[-`{-~]/.test(char);

/** Cuts a format into nodes. */
export function parseDateFormat(format: string): DateNode[] {
  const nodes: DateNode[] = [];
  let at = 0;
  while (at < format.length) {
    let isFill = false;
    let isTranslated = false;
    for (;;) {
      const prefix = format.slice(at, at + 2).toUpperCase();
      if (prefix !== 'FM' && prefix !== 'TM') break;
      if (prefix === 'FM') isFill = true;
      else isTranslated = true;
      at += 2;
    }
    const key = keywords.find(each => format.startsWith(each, at));
    if (key !== undefined) {
      at += key.length;
      let ordinal = '';
      const suffix = format.slice(at, at + 2);
      if (suffix === 'TH' || suffix === 'th') ordinal = suffix;
      if (suffix.toUpperCase() === 'SP' || ordinal !== '') at += 2;
      nodes.push({key, text: '', kind: 'action', isFill, isTranslated, ordinal});
    } else if (at < format.length) at = literal(format, at, nodes);
  }
  return nodes;
}

/** Reads a quoted text or one character. */
function literal(format: string, start: number, nodes: DateNode[]): number {
  const push = (text: string, kind: DateNode['kind']): void =>
    void nodes.push({key: null, text, kind, isFill: false, isTranslated: false, ordinal: ''});
  let at = start;
  if (format[at] === '"') {
    at++;
    while (at < format.length && format[at] !== '"') {
      if (format[at] === '\\' && at + 1 < format.length) at++;
      const char = String.fromCodePoint(format.codePointAt(at)!);
      push(char, 'char');
      at += char.length;
    }
    return at + 1;
  }
  if (format[at] === '\\' && format[at + 1] === '"') at++;
  const char = String.fromCodePoint(format.codePointAt(at)!);
  push(char, /\s/.test(char) ? 'space' : isSeparator(char) ? 'separator' : 'char');
  return at + char.length;
}

/** Names of months and days in English. */
export const monthNames = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;
export const dayNames = [
  'Sunday',
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
] as const;
export const romanMonths = [
  'I',
  'II',
  'III',
  'IV',
  'V',
  'VI',
  'VII',
  'VIII',
  'IX',
  'X',
  'XI',
  'XII',
] as const;
