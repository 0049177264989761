/** Bytes of a file. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** What a read of a remote segment throws when bytes are not here yet: fetch them, then do the same again. */
export class AbsentBytes extends Error {
  readonly url: string;
  readonly ranges: readonly ByteRange[];

  constructor(url: string, ranges: readonly ByteRange[]) {
    super(`bytes of "${url}" are not fetched yet`);
    this.url = url;
    this.ranges = ranges;
  }
}
