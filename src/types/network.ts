import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TypeRow} from './base-type.ts';
import {BaseType} from './base-type.ts';
import type {SqliteValue, Value} from './contract.ts';
import {hashString} from './hash.ts';
import type {NetworkAddress} from './network-address.ts';
import {
  bitAt,
  compareNetworks,
  isNetworkAddress,
  networkText,
  parseNetwork,
} from './network-address.ts';
import {invalidBinary, invalidSyntax} from './type-errors.ts';

const layout = {physical: 'boxed', sqliteType: 'TEXT', parquet: null} as const;

/** Types held as their canonical text. */
abstract class CanonicalTextType extends BaseType {
  constructor(row: TypeRow) {
    super(row, layout);
  }

  output(value: Value): string {
    return value as string;
  }

  override equals(a: Value, b: Value): boolean {
    return a === b;
  }

  override hash(value: Value): number {
    return hashString(value as string);
  }

  override toSqlite(value: Value): SqliteValue {
    return value as string;
  }

  override fromSqlite(stored: SqliteValue): Value {
    return stored as string;
  }
}

/** inet and cidr. */
export class NetworkType extends CanonicalTextType {
  readonly #isCidr: boolean;

  constructor(row: TypeRow) {
    super(row);
    this.#isCidr = row.name === 'cidr';
  }

  /** The address of a canonical value. */
  addressOf(value: Value): NetworkAddress {
    const address = parseNetwork(value as string, this.#isCidr);
    if (address === null) throw invalidSyntax(this.name, value as string);
    return address;
  }

  input(text: string): Value {
    const address = parseNetwork(text, this.#isCidr);
    if (address === null) throw invalidSyntax(this.name, text);
    if (this.#isCidr && !isNetworkAddress(address)) {
      throw new PgError(SqlState.invalidTextRepresentation, `invalid cidr value: "${text}"`, {
        detail: 'Value has bits set to right of mask.',
      });
    }
    return networkText(address, this.#isCidr);
  }

  receive(reader: ByteReader): Value {
    const family = reader.byte();
    const bits = reader.byte();
    reader.byte();
    const size = reader.byte();
    if (family !== 2 && family !== 3) {
      throw invalidBinary(`invalid address family in external "${this.name}" value`);
    }
    if (bits > (family === 2 ? 32 : 128))
      throw invalidBinary(`invalid bits in external "${this.name}" value`);
    if (size !== (family === 2 ? 4 : 16))
      throw invalidBinary(`invalid length in external "${this.name}" value`);
    const address: NetworkAddress = {
      family: family === 2 ? 4 : 6,
      bytes: Uint8Array.from({length: size}, () => reader.byte()),
      bits,
    };
    if (this.#isCidr && !isNetworkAddress(address)) {
      throw invalidBinary('invalid external "cidr" value');
    }
    return networkText(address, this.#isCidr);
  }

  send(value: Value, out: ByteWriter): void {
    const {family, bytes, bits} = this.addressOf(value);
    out.byte(family === 4 ? 2 : 3);
    out.byte(bits);
    out.byte(this.#isCidr ? 1 : 0);
    out.byte(bytes.length);
    out.bytes(bytes);
  }

  override compare(a: Value, b: Value): number {
    return a === b ? 0 : compareNetworks(this.addressOf(a), this.addressOf(b));
  }

  override writeKey(value: Value, out: ByteWriter): void {
    const {family, bytes, bits} = this.addressOf(value);
    out.byte(family);
    for (let i = 0; i < bits; i++) out.byte(1 + bitAt(bytes, i));
    out.byte(0);
    out.bytes(bytes);
  }
}

const macForms = [
  /^[0-9a-f]{1,2}([:-])(?:[0-9a-f]{1,2}\1){4}[0-9a-f]{1,2}$/,
  /^[0-9a-f]{6}[:-]?[0-9a-f]{6}$/,
  /^[0-9a-f]{4}([.-])[0-9a-f]{4}\1[0-9a-f]{4}$/,
] as const;
/** macaddr and macaddr8. */
export class MacType extends CanonicalTextType {
  input(text: string): Value {
    const body = text.trim().toLowerCase();
    const pairs = macPairs(body, this.length === 8);
    if (pairs === null) throw invalidSyntax(this.name, text);
    if (this.length === 8 && pairs.length === 6) pairs.splice(3, 0, 'ff', 'fe');
    return pairs.join(':');
  }

  receive(reader: ByteReader): Value {
    const size = this.length === 8 && reader.remaining === 6 ? 6 : this.length;
    const pairs = Array.from({length: size}, () => reader.byte().toString(16).padStart(2, '0'));
    if (size < this.length) pairs.splice(3, 0, 'ff', 'fe');
    return pairs.join(':');
  }

  send(value: Value, out: ByteWriter): void {
    out.bytes(Buffer.from((value as string).replaceAll(':', ''), 'hex'));
  }

  override compare(a: Value, b: Value): number {
    return a === b ? 0 : (a as string) < (b as string) ? -1 : 1;
  }

  override writeKey(value: Value, out: ByteWriter): void {
    this.send(value, out);
  }
}

function macPairs(body: string, isLong: boolean): string[] | null {
  if (isLong) return mac8Pairs(body);
  if (!macForms.some(form => form.test(body))) return null;
  return /^(?:[0-9a-f]{1,2}[:-]){5}/.test(body)
    ? body.split(/[:-]/).map(part => part.padStart(2, '0'))
    : body.replace(/[.:-]/g, '').match(/../g)!;
}

/** Six or eight pairs of digits; after any of them the same separator may stand. */
function mac8Pairs(body: string): string[] | null {
  const pairs: string[] = [];
  let separator = '';
  for (let at = 0; at < body.length; ) {
    const pair = body.slice(at, at + 2);
    if (!/^[0-9a-f]{2}$/.test(pair)) return null;
    pairs.push(pair);
    at += 2;
    const next = body.charAt(at);
    if (next !== ':' && next !== '-' && next !== '.') continue;
    if (separator !== '' && separator !== next) return null;
    separator = next;
    at++;
  }
  return pairs.length === 6 || pairs.length === 8 ? pairs : null;
}
