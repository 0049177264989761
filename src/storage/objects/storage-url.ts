const SCHEME = 'storage://';

/** A segment's path in a storage that is not a file system: `storage://name/key`. */
export function storageUrl(storage: string, key: string): string {
  return `${SCHEME}${encodeURIComponent(storage)}/${key}`;
}

/** Whether a segment's path is not one of a file of this machine. */
export function isRemote(path: string): boolean {
  return path.startsWith(SCHEME);
}

/** Storage and key of a path made by `storageUrl`. */
export function parseStorageUrl(url: string): {readonly storage: string; readonly key: string} {
  const slash = url.indexOf('/', SCHEME.length);
  return {
    storage: decodeURIComponent(url.slice(SCHEME.length, slash)),
    key: url.slice(slash + 1),
  };
}
