/** A network address as bytes: family 4 or 6, prefix length. */
export interface NetworkAddress {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** Reads an inet or cidr; null when it is none. cidr may leave octets out. */
export function parseNetwork(text: string, isCidr: boolean): NetworkAddress | null {
  const match = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text);
  if (match === null) return null;
  const given = match[2] === undefined ? null : Number(match[2]);
  if (match[1]!.includes(':')) {
    const bytes = parseIpv6(match[1]!);
    if (bytes === null || (given ?? 0) > 128) return null;
    return {family: 6, bytes, bits: given ?? 128};
  }
  return parseIpv4(match[1]!, given, isCidr);
}

function parseIpv4(text: string, given: number | null, isCidr: boolean): NetworkAddress | null {
  const parts = text.split('.');
  if (parts.length > 4 || (!isCidr && parts.length < 4)) return null;
  if (given !== null && given > 32) return null;
  const bytes = new Uint8Array(4);
  for (let i = 0; i < parts.length; i++) {
    if (!/^\d{1,3}$/.test(parts[i]!) || Number(parts[i]) > 255) return null;
    bytes[i] = Number(parts[i]);
  }
  const bits = given ?? Math.max(classBits(bytes[0]!), parts.length * 8);
  return {family: 4, bytes, bits: given === null && parts.length === 4 ? 32 : bits};
}

/** Prefix that a class implies, for cidr without one. */
function classBits(first: number): number {
  if (first >= 240) return 32;
  if (first >= 224) return 8;
  if (first >= 192) return 24;
  return first >= 128 ? 16 : 8;
}

function parseIpv6(text: string): Uint8Array | null {
  let source = text;
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (tail !== null) {
    const v4 = parseIpv4(tail[2]!, null, false);
    if (v4 === null) return null;
    const [a, b, c, d] = v4.bytes as unknown as [number, number, number, number];
    source = `${tail[1]!}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = source.split('::');
  if (halves.length > 2) return null;
  const head = halves[0] === '' ? [] : halves[0]!.split(':');
  const rest = halves.length === 1 || halves[1] === '' ? [] : halves[1]!.split(':');
  const missing = 8 - head.length - rest.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({length: Math.max(missing, 0)}, () => '0'), ...rest];
  if (!groups.every(group => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  const bytes = new Uint8Array(16);
  groups.forEach((group, i) => {
    const value = Number.parseInt(group, 16);
    bytes[i * 2] = value >> 8;
    bytes[i * 2 + 1] = value & 255;
  });
  return bytes;
}

/** Address without prefix length. */
export function addressText({family, bytes}: NetworkAddress): string {
  if (family === 4) return bytes.join('.');
  const groups = Array.from({length: 8}, (_, i) => (bytes[i * 2]! << 8) | bytes[i * 2 + 1]!);
  let best = -1;
  let bestSize = 1;
  for (let i = 0; i < 8; i++) {
    let size = 0;
    while (i + size < 8 && groups[i + size] === 0) size++;
    if (size > bestSize) {
      best = i;
      bestSize = size;
    }
  }
  const isMapped = best === 0 && (bestSize === 6 || (bestSize === 5 && groups[5] === 0xffff));
  if (isMapped) {
    return `${bestSize === 5 ? '::ffff:' : '::'}${bytes.subarray(12).join('.')}`;
  }
  const hex = groups.map(group => group.toString(16));
  if (best === -1) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestSize).join(':')}`;
}

/** inet shows the prefix only where it is not the full length, cidr always. */
export function networkText(address: NetworkAddress, isCidr: boolean): string {
  const full = address.family === 4 ? 32 : 128;
  const text = addressText(address);
  return isCidr || address.bits !== full ? `${text}/${address.bits}` : text;
}

/** Bit of an address, from the most significant. */
export function bitAt(bytes: Uint8Array, index: number): number {
  return (bytes[index >> 3]! >> (7 - (index & 7))) & 1;
}

/** network_cmp: family, common prefix, prefix length, whole address. */
export function compareNetworks(a: NetworkAddress, b: NetworkAddress): number {
  if (a.family !== b.family) return a.family - b.family;
  const common = Math.min(a.bits, b.bits);
  for (let i = 0; i < common; i++) {
    const order = bitAt(a.bytes, i) - bitAt(b.bytes, i);
    if (order !== 0) return order;
  }
  return a.bits - b.bits || Buffer.compare(a.bytes, b.bytes);
}

/** Whether all bits right of the prefix are 0. */
export function isNetworkAddress({bytes, bits}: NetworkAddress): boolean {
  for (let i = bits; i < bytes.length * 8; i++) if (bitAt(bytes, i) === 1) return false;
  return true;
}
