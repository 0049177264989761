import {PgError} from './errors.ts';
import {SqlState} from './sqlstate.ts';

/** Labels of the Encoding Standard for PostgreSQL's single-byte encodings. */
const LABELS: Readonly<Record<string, string>> = {
  LATIN1: 'iso-8859-1',
  LATIN2: 'iso-8859-2',
  LATIN3: 'iso-8859-3',
  LATIN4: 'iso-8859-4',
  LATIN5: 'windows-1254',
  LATIN6: 'iso-8859-10',
  LATIN7: 'iso-8859-13',
  LATIN8: 'iso-8859-14',
  LATIN9: 'iso-8859-15',
  LATIN10: 'iso-8859-16',
  ISO_8859_5: 'iso-8859-5',
  ISO_8859_6: 'iso-8859-6',
  ISO_8859_7: 'iso-8859-7',
  ISO_8859_8: 'iso-8859-8',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  WIN866: 'ibm866',
  WIN874: 'windows-874',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
  WIN1253: 'windows-1253',
  WIN1254: 'windows-1254',
  WIN1255: 'windows-1255',
  WIN1256: 'windows-1256',
  WIN1257: 'windows-1257',
  WIN1258: 'windows-1258',
};

/** A client encoding of one byte per character, beside UTF-8 in which everything is held. */
export class SingleByteEncoding {
  readonly name: string;
  readonly #characters: readonly string[];
  readonly #bytes: ReadonlyMap<string, number>;

  private constructor(name: string, characters: readonly string[]) {
    this.name = name;
    this.#characters = characters;
    this.#bytes = new Map(characters.map((character, byte) => [character, byte]));
  }

  /** By PostgreSQL's name; null for UTF8, SQL_ASCII (bytes pass unchanged) and encodings that are not of one byte. */
  static named(name: string): SingleByteEncoding | null {
    const label = Object.hasOwn(LABELS, name) ? LABELS[name] : undefined;
    if (label === undefined) return null;
    const decoder = new TextDecoder(label);
    const isIso = !name.startsWith('WIN') && !name.startsWith('KOI');
    const characters = Array.from({length: 256}, (_, byte) => {
      // The Encoding Standard reads some ISO encodings as Windows': C1 controls stay themselves there.
      if (name === 'LATIN1' || byte < 0x80 || (isIso && byte < 0xa0))
        return String.fromCharCode(byte);
      return decoder.decode(Uint8Array.of(byte));
    });
    return new SingleByteEncoding(name, characters);
  }

  decode(bytes: Uint8Array): string {
    let text = '';
    for (const byte of bytes) text += this.#characters[byte];
    return text;
  }

  /** 22P05 for a character that the encoding has not, or '?' for it when `isLossy`. */
  encode(text: string, isLossy = false): Buffer {
    const out: number[] = [];
    for (const character of text) {
      const byte = this.#bytes.get(character);
      if (byte !== undefined) out.push(byte);
      else if (isLossy) out.push(0x3f);
      else throw this.#untranslatable(character);
    }
    return Buffer.from(out);
  }

  #untranslatable(character: string): PgError {
    const bytes = [...Buffer.from(character)]
      .map(byte => `0x${byte.toString(16).padStart(2, '0')}`)
      .join(' ');
    return new PgError(
      SqlState.untranslatableCharacter,
      `character with byte sequence ${bytes} in encoding "UTF8" has no equivalent in encoding "${this.name}"`,
    );
  }
}

/** Whether a part of a buffer holds only ASCII. */
export function isAscii(buffer: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (buffer[i]! >= 0x80) return false;
  return true;
}
