/** Methods of Node's Buffer that @types/node leaves out; present since Node 0.x and used by its own `toString` and `write`. */
interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
  utf8Slice(start?: number, end?: number): string;
  latin1Slice(start?: number, end?: number): string;
  asciiSlice(start?: number, end?: number): string;
  utf8Write(text: string, offset?: number, length?: number): number;
  latin1Write(text: string, offset?: number, length?: number): number;
}
