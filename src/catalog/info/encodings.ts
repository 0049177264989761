/** PostgreSQL's encodings in the order of their numbers. */
const names: readonly string[] = (
  'SQL_ASCII EUC_JP EUC_CN EUC_KR EUC_TW EUC_JIS_2004 UTF8 MULE_INTERNAL LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8 ' +
  'LATIN9 LATIN10 WIN1256 WIN1258 WIN866 WIN874 KOI8R WIN1251 WIN1252 ISO_8859_5 ISO_8859_6 ISO_8859_7 ISO_8859_8 WIN1250 WIN1253 ' +
  'WIN1254 WIN1255 WIN1257 KOI8U SJIS BIG5 GBK UHC GB18030 JOHAB SHIFT_JIS_2004'
).split(' ');

const aliases: Readonly<Record<string, string>> = {
  UNICODE: 'UTF8',
  ISO88591: 'LATIN1',
  ISO88592: 'LATIN2',
  WIN: 'WIN1251',
  ALT: 'WIN866',
  KOI8: 'KOI8R',
};

/** Name of an encoding by number; '' for an unknown one. */
export function encodingName(number: number): string {
  return names[number] ?? '';
}

/** Number of an encoding by name, case and punctuation aside; -1 for an unknown one. */
export function encodingNumber(name: string): number {
  const plain = name.toUpperCase().replace(/[^A-Z0-9]/g, '');
  const canonical = aliases[plain] ?? plain;
  return names.findIndex(each => each.replaceAll('_', '') === canonical);
}
