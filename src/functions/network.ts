import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {NetworkAddress} from '../types/network-address.ts';
import {addressText, networkText, parseNetwork} from '../types/network-address.ts';
import type {FunctionCode} from './contract.ts';
import type {FunctionTable} from './table.ts';
import {alias} from './table.ts';

const sizeOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);
const read = (text: string): NetworkAddress =>
  parseNetwork(text, false) ?? parseNetwork(text, true)!;
const inet = (address: NetworkAddress): string => networkText(address, false);
const cidr = (address: NetworkAddress): string => networkText(address, true);

function toBig(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function fromBig(value: bigint, family: 4 | 6): Uint8Array {
  const size = sizeOf(family) / 8;
  const bytes = new Uint8Array(size);
  let rest = value;
  for (let index = size - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 255n);
    rest >>= 8n;
  }
  return bytes;
}

/** The netmask of a prefix as a number. */
function maskOf({family, bits}: NetworkAddress): bigint {
  const size = BigInt(sizeOf(family));
  const all = (1n << size) - 1n;
  return all ^ ((1n << (size - BigInt(bits))) - 1n);
}

const derive = (
  text: string,
  compute: (value: bigint, mask: bigint) => bigint,
  bits: (address: NetworkAddress) => number,
): NetworkAddress => {
  const address = read(text);
  const all = (1n << BigInt(sizeOf(address.family))) - 1n;
  return {
    family: address.family,
    bytes: fromBig(compute(toBig(address.bytes), maskOf(address)) & all, address.family),
    bits: bits(address),
  };
};

const fullBits = (address: NetworkAddress): number => sizeOf(address.family);
const sameBits = (address: NetworkAddress): number => address.bits;

function isWithin(part: NetworkAddress, whole: NetworkAddress): boolean {
  if (part.family !== whole.family) return false;
  const mask = maskOf(whole);
  return (toBig(part.bytes) & mask) === (toBig(whole.bytes) & mask);
}

const relation = (holds: (a: NetworkAddress, b: NetworkAddress) => boolean): FunctionCode => ({
  fn: (a: string, b: string) => holds(read(a), read(b)),
});

function setMask(text: string, bits: number, isCidr: boolean): string {
  const address = read(text);
  const size = sizeOf(address.family);
  const wanted = bits === -1 ? size : bits;
  if (wanted < 0 || wanted > size)
    throw new PgError(SqlState.invalidParameterValue, `invalid mask length: ${bits}`);
  const changed = {...address, bits: wanted};
  if (!isCidr) return inet(changed);
  return cidr({...changed, bytes: fromBig(toBig(address.bytes) & maskOf(changed), address.family)});
}

function add(text: string, by: bigint): string {
  const address = read(text);
  const value = toBig(address.bytes) + by;
  if (value < 0n || value >= 1n << BigInt(sizeOf(address.family)))
    throw new PgError(SqlState.numericValueOutOfRange, 'result is out of range');
  return inet({...address, bytes: fromBig(value, address.family)});
}

function difference(a: string, b: string): bigint {
  const [left, right] = [read(a), read(b)];
  if (left.family !== right.family)
    throw new PgError(
      SqlState.invalidParameterValue,
      'cannot subtract inet values of different sizes',
    );
  const value = toBig(left.bytes) - toBig(right.bytes);
  if (BigInt.asIntN(64, value) !== value)
    throw new PgError(SqlState.numericValueOutOfRange, 'result is out of range');
  return value;
}

function bitwise(name: string, compute: (a: bigint, b: bigint) => bigint): FunctionCode {
  return {
    fn: (a: string, b: string) => {
      const [left, right] = [read(a), read(b)];
      if (left.family !== right.family)
        throw new PgError(
          SqlState.invalidParameterValue,
          `cannot ${name} inet values of different sizes`,
        );
      return inet({
        family: left.family,
        bits: Math.max(left.bits, right.bits),
        bytes: fromBig(compute(toBig(left.bytes), toBig(right.bytes)), left.family),
      });
    },
  };
}

/** The smallest network that holds both. */
function merge(a: string, b: string): string {
  const [left, right] = [read(a), read(b)];
  if (left.family !== right.family)
    throw new PgError(
      SqlState.invalidParameterValue,
      'cannot merge addresses from different families',
    );
  let bits = Math.min(left.bits, right.bits);
  for (;;) {
    const whole = {...left, bits};
    if (isWithin(right, whole))
      return cidr({...whole, bytes: fromBig(toBig(left.bytes) & maskOf(whole), left.family)});
    bits--;
  }
}

/** abbrev(cidr): trailing zero octets beyond the prefix are left out. */
function abbreviate(text: string): string {
  const address = read(text);
  if (address.family === 6) return cidr(address).replace('::/', '/');
  const octets = Math.max(Math.ceil(address.bits / 8), 1);
  return `${[...address.bytes.slice(0, octets)].join('.')}/${address.bits}`;
}

const macBytes = (text: string): number[] => text.split(':').map(part => Number.parseInt(part, 16));
const macText = (bytes: readonly number[]): string =>
  bytes.map(byte => (byte & 255).toString(16).padStart(2, '0')).join(':');
const macPair = (compute: (a: number, b: number) => number): FunctionCode => ({
  fn: (a: string, b: string) => {
    const right = macBytes(b);
    return macText(macBytes(a).map((byte, index) => compute(byte, right[index]!)));
  },
});

function shortMac(text: string): string {
  const bytes = macBytes(text);
  if (bytes[3] !== 0xff || bytes[4] !== 0xfe) {
    throw new PgError(
      SqlState.numericValueOutOfRange,
      'macaddr8 data out of range to convert to macaddr',
      {
        hint: 'Only addresses that have FF and FE as values in the 4th and 5th bytes from the left, for example xx:xx:xx:ff:fe:xx:xx:xx, are eligible to be converted from macaddr8 to macaddr.',
      },
    );
  }
  return macText([...bytes.slice(0, 3), ...bytes.slice(5)]);
}

/** inet, cidr, macaddr (9.12). */
export const networkFunctions: FunctionTable = {
  network_family: {fn: (text: string) => read(text).family},
  network_masklen: {fn: (text: string) => read(text).bits},
  network_host: {fn: (text: string) => addressText(read(text))},
  network_show: {fn: (text: string) => cidr(read(text))},
  network_broadcast: {
    fn: (text: string) => inet(derive(text, (value, mask) => value | ~mask, sameBits)),
  },
  network_network: {
    fn: (text: string) => cidr(derive(text, (value, mask) => value & mask, sameBits)),
  },
  network_netmask: {fn: (text: string) => inet(derive(text, (_, mask) => mask, fullBits))},
  network_hostmask: {fn: (text: string) => inet(derive(text, (_, mask) => ~mask, fullBits))},
  network_sub: relation((a, b) => a.bits > b.bits && isWithin(a, b)),
  network_subeq: relation((a, b) => a.bits >= b.bits && isWithin(a, b)),
  network_sup: relation((a, b) => a.bits < b.bits && isWithin(b, a)),
  network_supeq: relation((a, b) => a.bits <= b.bits && isWithin(b, a)),
  network_overlap: relation((a, b) => isWithin(a, b) || isWithin(b, a)),
  inet_abbrev: {fn: (text: string) => inet(read(text))},
  cidr_abbrev: {fn: abbreviate},
  inet_same_family: relation((a, b) => a.family === b.family),
  inet_merge: {fn: merge},
  inet_to_cidr: {fn: (text: string) => cidr(derive(text, (value, mask) => value & mask, sameBits))},
  inet_set_masklen: {fn: (text: string, bits: number) => setMask(text, bits, false)},
  cidr_set_masklen: {fn: (text: string, bits: number) => setMask(text, bits, true)},
  inetpl: {fn: add},
  inetmi_int8: {fn: (text: string, by: bigint) => add(text, BigInt.asIntN(64, -by))},
  inetmi: {fn: difference},
  inetand: bitwise('AND', (a, b) => a & b),
  inetor: bitwise('OR', (a, b) => a | b),
  inetnot: {fn: (text: string) => inet(derive(text, value => ~value, sameBits))},
  ...alias(
    ['macaddr_and', 'macaddr8_and'],
    macPair((a, b) => a & b),
  ),
  ...alias(
    ['macaddr_or', 'macaddr8_or'],
    macPair((a, b) => a | b),
  ),
  ...alias(['macaddr_not', 'macaddr8_not'], {
    fn: (text: string) => macText(macBytes(text).map(byte => ~byte)),
  }),
  ...alias(['macaddr_trunc', 'macaddr8_trunc'], {
    fn: (text: string) => macText(macBytes(text).map((byte, index) => (index < 3 ? byte : 0))),
  }),
  macaddr8_set7bit: {
    fn: (text: string) =>
      macText(macBytes(text).map((byte, index) => (index === 0 ? byte | 2 : byte))),
  },
  macaddrtomacaddr8: {
    fn: (text: string) => {
      const bytes = macBytes(text);
      return macText([...bytes.slice(0, 3), 0xff, 0xfe, ...bytes.slice(3)]);
    },
  },
  macaddr8tomacaddr: {fn: shortMac},
};
