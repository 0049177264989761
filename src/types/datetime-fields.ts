import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import {dateWords} from './datetime-words.ts';

/** Lexical class of a piece of date input. */
export type FieldKind = 'number' | 'date' | 'time' | 'tz' | 'string' | 'special';

/** One piece of date input, lower-cased where it is alphabetic. */
export interface DateField {
  readonly kind: FieldKind;
  readonly text: string;
}

/** Why date input is refused; datetimeError makes the client's error of it. */
export type DateFault = 'format' | 'overflow' | 'monthDay' | 'zone' | 'interval';

/** Thrown inside the parsers and turned into a PgError where the type's name is known. */
export class DateFaultSignal extends Error {
  readonly fault: DateFault;

  constructor(fault: DateFault) {
    super(fault);
    this.fault = fault;
  }
}

/** The error of PostgreSQL for a fault in the input of a type. */
export function datetimeError(fault: DateFault, text: string, type: string): PgError {
  switch (fault) {
    case 'format':
      return new PgError(
        SqlState.invalidDatetimeFormat,
        `invalid input syntax for type ${type}: "${text}"`,
      );
    case 'overflow':
      return new PgError(
        SqlState.datetimeFieldOverflow,
        `date/time field value out of range: "${text}"`,
      );
    case 'monthDay':
      return new PgError(
        SqlState.datetimeFieldOverflow,
        `date/time field value out of range: "${text}"`,
        {hint: 'Perhaps you need a different "datestyle" setting.'},
      );
    case 'interval':
      return new PgError(
        SqlState.intervalFieldOverflow,
        `interval field value out of range: "${text}"`,
      );
    case 'zone':
      return new PgError(
        SqlState.invalidTimeZoneDisplacementValue,
        `time zone displacement out of range: "${text}"`,
      );
  }
}

/** Runs a parser and gives its faults the type's and the input's name. */
export function withFaults<T>(text: string, type: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof DateFaultSignal) throw datetimeError(error.fault, text, type);
    throw error;
  }
}

const blank = /[ \t\n\v\f\r]*/y;
const timeField = /\d+:[\d:.]*/y;
const dottedDate = /\d+([-/.])(?:\d+(?:\1(?:\d|\1)*)?|(?:[A-Za-z0-9\u0080-\uffff]|\1)*)/y;
const digits = /\d+/y;
const fraction = /\.\d*/y;
const letters = /[A-Za-z\u0080-\uffff]+/y;
const wordDate = /[A-Za-z0-9+\-/_.:\u0080-\uffff]+/y;
const signedZone = /[+-][ \t\n\v\f\r]*(?:\d[\d:.-]*|[A-Za-z]+)/y;
const punctuation = /[!-/:-@[-`{-~]/y;

/** Splits date, time or interval input into fields as ParseDateTime does. */
export function splitDateFields(text: string, isInterval = false): DateField[] {
  const fields: DateField[] = [];
  let at = skip(text, 0);
  while (at < text.length) {
    const field = nextField(text, at, isInterval);
    if (field === null) {
      punctuation.lastIndex = at;
      if (!punctuation.test(text)) throw new DateFaultSignal('format');
      at = skip(text, at + 1);
      continue;
    }
    fields.push({kind: field.kind, text: field.text.toLowerCase()});
    if (fields.length > 25) throw new DateFaultSignal('format');
    at = skip(text, at + field.size);
  }
  return fields;
}

function skip(text: string, at: number): number {
  blank.lastIndex = at;
  blank.test(text);
  return blank.lastIndex;
}

interface FoundField extends DateField {
  readonly size: number;
}

function nextField(text: string, at: number, isInterval: boolean): FoundField | null {
  const code = text.charCodeAt(at);
  if (code >= 48 && code <= 57) return numberField(text, at);
  if (code === 46) return match(fraction, text, at, 'number');
  if ((code | 32) >= 97 && (code | 32) <= 122) return wordField(text, at);
  if (code === 43 || code === 45) {
    const found = match(signedZone, text, at, 'tz');
    if (found === null) throw new DateFaultSignal('format');
    const compact = found.text.replace(/[ \t\n\v\f\r]/g, '');
    const isWord = !/\d/.test(compact[1]!);
    return {kind: isWord ? 'special' : 'tz', text: compact, size: found.size};
  }
  void isInterval;
  return null;
}

function numberField(text: string, at: number): FoundField {
  const time = match(timeField, text, at, 'time');
  if (time !== null) return time;
  const date = match(dottedDate, text, at, 'date');
  if (date === null) return match(digits, text, at, 'number')!;
  const isDecimal = /^\d+\.\d*$/.test(date.text);
  return isDecimal ? {...date, kind: 'number'} : date;
}

function wordField(text: string, at: number): FoundField {
  const word = match(letters, text, at, 'string')!;
  const next = text[at + word.size] ?? '';
  const isDate =
    /[-/.]/.test(next) ||
    (/[+\d]/.test(next) && next !== '' && !dateWords.has(word.text.toLowerCase().slice(0, 10)));
  return isDate ? match(wordDate, text, at, 'date')! : word;
}

function match(pattern: RegExp, text: string, at: number, kind: FieldKind): FoundField | null {
  pattern.lastIndex = at;
  const found = pattern.exec(text);
  return found === null ? null : {kind, text: found[0], size: found[0].length};
}
