import {invalidSyntax} from './type-errors.ts';
import type {Value} from './contract.ts';
import {UnorderedTextType} from './text.ts';

/** pg_snapshot and txid_snapshot: a value is its text, `xmin:xmax:xip,xip`. */
export class SnapshotType extends UnorderedTextType {
  override input(text: string): Value {
    const match = /^(\d+):(\d+):((?:\d+(?:,\d+)*)?)$/.exec(text);
    if (match === null) throw invalidSyntax('pg_snapshot', text);
    const xmin = BigInt(match[1]!);
    const xmax = BigInt(match[2]!);
    const running = match[3] === '' ? [] : match[3]!.split(',').map(BigInt);
    const isOrdered = running.every((xid, index) => index === 0 || running[index - 1]! <= xid);
    const isWithin = running.every(xid => xid >= xmin && xid < xmax);
    if (
      xmax > 9223372036854775807n ||
      xmin === 0n ||
      xmax === 0n ||
      xmin > xmax ||
      !isOrdered ||
      !isWithin
    )
      throw invalidSyntax('pg_snapshot', text);
    return `${xmin}:${xmax}:${[...new Set(running)].join(',')}`;
  }
}
