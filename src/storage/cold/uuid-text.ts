// Hot path: uuid columns become text here.

/** Code of the hex digit of each nibble. */
const DIGITS = Uint8Array.from('0123456789abcdef', digit => digit.charCodeAt(0));
const DASH = 45;

/** Writes the 36 characters of the uuid at bytes[from]. */
export function writeUuidText(bytes: Uint8Array, from: number, into: Uint8Array, at: number): void {
  let to = at;
  for (let i = 0; i < 16; i++) {
    const byte = bytes[from + i]!;
    into[to++] = DIGITS[byte >> 4]!;
    into[to++] = DIGITS[byte & 15]!;
    if (i === 3 || i === 5 || i === 7 || i === 9) into[to++] = DASH;
  }
}

/** The text of the uuid at bytes[from]. */
export function uuidText(bytes: Buffer, from: number): string {
  const hex = bytes.toString('hex', from, from + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
