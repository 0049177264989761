import type {StorageIndex, TableStorage} from '../contract.ts';
import type {HotImage} from '../hot/hot-image.ts';
import {hasSameKeys, type KeyCodec} from '../hot/key-codec.ts';
import {KeyMap} from '../hot/key-map.ts';

/** Whether the image's key maps are those of the unique indexes of a table as a transaction has it: not after its own ALTERs. */
export function hasImageKeys(image: HotImage, table: TableStorage): boolean {
  if (table === image.table) return true;
  const unique = table.indexes.filter(index => index.isUnique);
  if (unique.length !== image.keyMaps.length) return false;
  return unique.every((index, at) => {
    const known = image.keyMaps[at]!.codec.index;
    return known.oid === index.oid && isSameKey(known, index) && image.fits(table, index);
  });
}

function isSameKey(known: StorageIndex, index: StorageIndex): boolean {
  return (
    (known.keyOf === null) === (index.keyOf === null) &&
    known.keyColumns.length === index.keyColumns.length &&
    known.keyColumns.every((column, at) => column === index.keyColumns[at])
  );
}

/**
 * Committed hot rows by a key of a table as its transaction has it. The image's map where the key is written as before, though its columns
 * may lie elsewhere; else one that is made here.
 */
export function committedKeys(image: HotImage, table: TableStorage, codec: KeyCodec): KeyMap {
  const {index} = codec;
  const known = image.keyMap(index);
  if (known !== undefined && hasSameKeys(image.table, known.codec.index, table, index))
    return known;
  const map = new KeyMap(codec);
  for (const [rid, position] of image.byRid) {
    if (image.newestOf(rid) === undefined) continue;
    const key = codec.ofRow(image.rowFor(table, position));
    if (key !== null) map.set(image.chunkOf(position)!.owner, key, position, -1);
  }
  return map;
}
