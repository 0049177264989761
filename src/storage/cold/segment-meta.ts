import {ByteWriter} from '../../common/byte-writer.ts';
import type {Datum, TypeInstance} from '../../types/contract.ts';
import type {ValueRange} from './column-builder.ts';
import type {ColumnPlan} from './column-plan.ts';
import type {SegmentColumnStats, SegmentMeta} from './contract.ts';
import type {EncodedSegment} from './segment-encoder.ts';
import type {StoredRange, StoredValue} from './value-stats.ts';

const MAX_KEY_BYTES = 64;
const SEQ_ATTNUM = -102;

/** What the manifest keeps of a file that was just encoded. */
export function segmentMeta(
  plans: readonly ColumnPlan[],
  types: readonly TypeInstance[],
  ranges: readonly ValueRange[],
  encoded: EncodedSegment,
  schemaVersion: number,
): SegmentMeta {
  const seqAt = plans.findIndex(plan => plan.attnum === SEQ_ATTNUM);
  const seq = encoded.ranges[seqAt];
  return {
    rows: encoded.rows,
    bytes: encoded.bytes,
    checksum: hex(encoded.checksum),
    footerChecksum: hex(encoded.footerChecksum),
    schemaVersion,
    minSeq: String(seq?.min ?? 0n),
    maxSeq: String(seq?.max ?? 0n),
    columns: plans.map((plan, i) =>
      columnStats(plan, types[i]!, {
        nullCount: encoded.nullCounts[i]!,
        range: plan.hasStats ? valueRange(plan, types[i]!, encoded.ranges[i]!) : ranges[i]!,
      }),
    ),
  };
}

/** Eight hex digits of a crc32. */
export function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}

/** Canonical key bytes of a value. */
export function keyBytes(type: TypeInstance, value: NonNullable<Datum>): Buffer {
  const out = new ByteWriter(64);
  type.writeKey(value, out);
  return out.take();
}

/** The Datum of a stored value of fixed width or bytes. */
export function datumOfStored(
  plan: Pick<ColumnPlan, 'physicalType'>,
  type: TypeInstance,
  stored: StoredValue,
): Datum {
  if (plan.physicalType === 'BOOLEAN') return type.parquet.decode(stored !== 0);
  return type.parquet.decode(stored);
}

function valueRange(plan: ColumnPlan, type: TypeInstance, range: StoredRange): ValueRange {
  if (range.min === null || range.max === null) {
    const only = range.hasNan ? NaN : null;
    return {min: only, max: only, isKnown: true};
  }
  if (range.hasNan && plan.kind === 'int64') return {min: null, max: null, isKnown: false};
  return {
    min: datumOfStored(plan, type, range.min),
    max: range.hasNan ? NaN : datumOfStored(plan, type, range.max),
    isKnown: true,
  };
}

function columnStats(
  plan: ColumnPlan,
  type: TypeInstance,
  known: {readonly nullCount: number; readonly range: ValueRange},
): SegmentColumnStats {
  const {min, max, isKnown} = known.range;
  const nothing = {
    attnum: plan.attnum,
    nullCount: known.nullCount,
    minKey: null,
    maxKey: null,
    isMaxTruncated: false,
  };
  if (!isKnown || min === null || max === null) return nothing;
  try {
    const maxKey = keyBytes(type, max);
    return {
      ...nothing,
      minKey: keyBytes(type, min).subarray(0, MAX_KEY_BYTES).toString('base64'),
      maxKey: roundedUp(maxKey)?.toString('base64') ?? null,
      isMaxTruncated: maxKey.length > MAX_KEY_BYTES,
    };
  } catch {
    return nothing;
  }
}

function roundedUp(key: Buffer): Buffer | null {
  if (key.length <= MAX_KEY_BYTES) return key;
  const cut = Buffer.from(key.subarray(0, MAX_KEY_BYTES));
  let last = cut.length - 1;
  while (last >= 0 && cut[last] === 0xff) last--;
  if (last < 0) return null;
  cut[last]!++;
  return cut.subarray(0, last + 1);
}
