/** Methods of Node's Buffer that @types/node leaves out; its own `toString` and `write` are made of them. */
export {};
declare global {
  interface Buffer<TArrayBuffer extends ArrayBufferLike> {
    utf8Slice(start?: number, end?: number): string;
    latin1Slice(start?: number, end?: number): string;
    asciiSlice(start?: number, end?: number): string;
    utf8Write(text: string, offset?: number, length?: number): number;
    latin1Write(text: string, offset?: number, length?: number): number;
  }
}
