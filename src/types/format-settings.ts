import type {FormatSettings} from './contract.ts';

/** Settings of a fresh session in UTC; also those under which values are stored as text. */
export const defaultFormatSettings: FormatSettings = {
  dateStyle: 'ISO',
  dateOrder: 'MDY',
  intervalStyle: 'postgres',
  timeZone: 'UTC',
  extraFloatDigits: 1,
  byteaOutput: 'hex',
  transactionTimestamp: 0n,
  names: null,
};
