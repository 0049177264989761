/** 1-based position in characters (code points) of a UTF-8 byte offset in a text, as an ErrorResponse tells it. */
export function characterPosition(text: string, byteOffset: number): number {
  let bytes = 0;
  let characters = 0;
  for (let at = 0; at < text.length && bytes < byteOffset; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code < 0xdc00) {
      bytes += 4;
      at++;
    } else bytes += 3;
    characters++;
  }
  return characters + 1;
}

/** Index in UTF-16 units of a UTF-8 byte offset. */
export function unitOffset(text: string, byteOffset: number): number {
  let bytes = 0;
  let at = 0;
  while (at < text.length && bytes < byteOffset) {
    const code = text.charCodeAt(at);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code < 0xdc00) {
      bytes += 4;
      at++;
    } else bytes += 3;
    at++;
  }
  return at;
}
