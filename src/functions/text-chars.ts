// Hot path: characters of strings. A character is a code point; strings without surrogates take the short way.

/** Whether a string holds characters beyond the basic plane. */
export function hasSurrogates(text: string): boolean {
  return /[\ud800-\udfff]/.test(text);
}

/** Characters from 0-based `start` up to `end`. */
export function sliceChars(text: string, start: number, end: number): string {
  if (end <= start) return '';
  if (!hasSurrogates(text)) return text.slice(start, end);
  let from = 0;
  let at = 0;
  let count = 0;
  while (at < text.length && count < end) {
    if (count === start) from = at;
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
    count++;
  }
  return count <= start ? '' : text.slice(from, at);
}

/** Upper case, one character for one as towupper does. */
export function upperCase(text: string): string {
  const result = text.toUpperCase();
  return result.length === text.length ? result : mapChars(text, char => char.toUpperCase());
}

/** Lower case, one character for one. */
export function lowerCase(text: string): string {
  const result = text.toLowerCase();
  if (result.length === text.length && !text.includes('\u03a3')) return result;
  return mapChars(text, char => char.toLowerCase());
}

function mapChars(text: string, map: (char: string) => string): string {
  let result = '';
  for (const char of text) {
    const mapped = map(char);
    result += mapped.length === char.length ? mapped : char;
  }
  return result;
}

/** The first letter of each word upper, the rest lower. */
export function initCap(text: string): string {
  return text.replace(/[\p{L}\p{N}]+/gu, word => {
    const first = String.fromCodePoint(word.codePointAt(0)!);
    return upperCase(first) + lowerCase(word.slice(first.length));
  });
}
