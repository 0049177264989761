import {PageType} from './parquet-format.ts';
import {ThriftReader} from './thrift-reader.ts';

/** What a page says of itself. */
export interface PageHeader {
  readonly type: number;
  readonly packed: number;
  readonly unpacked: number;
  /** crc32 of the packed bytes. */
  readonly checksum: number;
  /** Of values. */
  readonly count: number;
  readonly encoding: number;
  /** Bytes of the header itself. */
  readonly length: number;
}

/** Reads the header that begins a page. */
export function readPageHeader(bytes: Buffer): PageHeader {
  const thrift = new ThriftReader(bytes);
  let [kind, packed, unpacked, checksum, count, encoding] = [-1, -1, -1, 0, -1, -1];
  for (let type = thrift.next(); type !== 0; type = thrift.next()) {
    const {id} = thrift;
    if (id === 1) kind = thrift.i32();
    else if (id === 2) unpacked = thrift.i32();
    else if (id === 3) packed = thrift.i32();
    else if (id === 4) checksum = thrift.i32() >>> 0;
    else if (id === (kind === PageType.data ? 5 : 7)) {
      thrift.id = 0;
      for (let inner = thrift.next(); inner !== 0; inner = thrift.next()) {
        if (thrift.id === 1) count = thrift.i32();
        else if (thrift.id === 2) encoding = thrift.i32();
        else thrift.skip(inner);
      }
      thrift.id = id;
    } else thrift.skip(type);
  }
  return {type: kind, packed, unpacked, checksum, count, encoding, length: thrift.at};
}
