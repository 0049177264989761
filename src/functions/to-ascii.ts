import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {FunctionTable} from './table.ts';

/** What stands for the bytes 128 to 255 of an encoding; a blank where nothing does, and for bytes that UTF-8 never has. */
const tables: Readonly<Record<string, string>> = {
  LATIN1:
    '                                  cL Y  "Ca  -R     \'u .,      ?  AAAAACEEEEIIII NOOOOOxOUUUUYTBaaaaaaaceeeei ii nooo           ',
  LATIN2:
    '                                 A L LS "SSTZ-ZZ a,l\'ls ,sstz"zz  AAALCCCEEEEIIDDNNOOOOxRUUUUYTBraaaalccceeee iddnnoo           ',
  LATIN9:
    '                                  cL YS sCa  -R     Zu .z   EeY?  AAAAACEEEEIIII NOOOOOxOUUUUYTBaaaaaaaceeeei ii nooo           ',
  WIN1250:
    '  \' "    %S<STZZ `\'"".--  s>stzz   L A  "CS  -RZ  ,l\'u .,as L"lz  AAALCCCEEEEIIDDNNOOOOxRUUUUYTBraaaalccceeee iddnnoo           ',
};

/** Names of encodings by number (pg_enc), as far as they are known to to_ascii. */
const encodings: readonly string[] = [
  ...['SQL_ASCII', 'EUC_JP', 'EUC_CN', 'EUC_KR', 'EUC_TW', 'EUC_JIS_2004', 'UTF8', 'MULE_INTERNAL'],
  ...['LATIN1', 'LATIN2', 'LATIN3', 'LATIN4', 'LATIN5', 'LATIN6', 'LATIN7', 'LATIN8', 'LATIN9'],
  ...['LATIN10', 'WIN1256', 'WIN1258', 'WIN866', 'WIN874', 'KOI8R', 'WIN1251', 'WIN1252'],
  ...['ISO_8859_5', 'ISO_8859_6', 'ISO_8859_7', 'ISO_8859_8', 'WIN1250', 'WIN1253', 'WIN1254'],
  ...['WIN1255', 'WIN1257', 'KOI8U', 'SJIS', 'BIG5', 'GBK', 'UHC', 'GB18030', 'JOHAB'],
  'SHIFT_JIS_2004',
];

/** The bytes of the text, read in another encoding, as the letters that look like them (ascii.c). */
function toAscii(text: string, encoding: string): string {
  const table = tables[encoding];
  if (table === undefined)
    throw featureNotSupported(`encoding conversion from ${encoding} to ASCII not supported`);
  let result = '';
  for (const byte of Buffer.from(text))
    result += byte < 128 ? String.fromCharCode(byte) : table[byte - 128]!;
  return result;
}

const bare = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** to_ascii in its three forms. */
export const toAsciiFunctions: FunctionTable = {
  to_ascii_default: {fn: (text: string) => toAscii(text, 'UTF8')},
  to_ascii_enc: {
    fn: (text: string, number: number) => {
      const name = encodings[number];
      if (name === undefined)
        throw new PgError(SqlState.undefinedObject, `${number} is not a valid encoding code`);
      return toAscii(text, name);
    },
  },
  to_ascii_encname: {
    fn: (text: string, name: string) => {
      const wanted = bare(name)
        .replace(/^iso88591$/, 'latin1')
        .replace(/^windows/, 'win');
      const found = encodings.find(each => bare(each) === wanted);
      if (found === undefined)
        throw new PgError(SqlState.undefinedObject, `${name} is not a valid encoding name`);
      return toAscii(text, found);
    },
  },
};
