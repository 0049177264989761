/** The part of yazl that exports use. */
declare module 'yazl' {
  class ZipFile {
    readonly outputStream: NodeJS.ReadableStream;
    addFile(path: string, name: string, options: {readonly compress: boolean}): void;
    end(): void;
  }
  const yazl: {readonly ZipFile: typeof ZipFile};
  export default yazl;
}

/** The part of yauzl that imports use. */
declare module 'yauzl' {
  interface Entry {
    readonly fileName: string;
    readonly uncompressedSize: number;
  }
  interface ZipFile {
    eachEntry(): AsyncIterable<Entry>;
    openReadStreamPromise(entry: Entry): Promise<NodeJS.ReadableStream>;
    close(): void;
  }
  const yauzl: {
    openPromise(path: string, options?: {readonly autoClose?: boolean}): Promise<ZipFile>;
  };
  export default yauzl;
}
