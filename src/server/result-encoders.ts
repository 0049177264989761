// Hot path: RowDescription and DataRow of every result.
import type {ByteWriter} from '../common/byte-writer.ts';
import {ByteWriter as Writer} from '../common/byte-writer.ts';
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Batch} from '../columns/batch.ts';
import type {Vector, VectorKind} from '../columns/vector.ts';
import type {Formats, ResultShape} from '../session/contract.ts';
import type {FormatSettings, TypeInstance} from '../types/contract.ts';
import {writeRowDescription} from '../wire/backend-messages.ts';
import {
  writeBool,
  writeDict,
  writeGeneric,
  writeInt32Binary,
  writeInt64Binary,
  writeInt64Text,
  writeIntegerText,
  writeNumberBinary,
  writeString,
  writeUtf8,
} from './column-encoders.ts';

const kInt32Text = 0;
const kInt64Text = 1;
const kUtf8 = 2;
const kDict = 3;
const kString = 4;
const kBool = 5;
const kInt32Binary = 6;
const kInt64Binary = 7;
const kFloat64Binary = 8;
const kOidText = 9;
const kGeneric = 10;
const kUnsupportedFormat = 11;

const int2 = 21;
const int4 = 23;
const oidType = 26;
/** Text types whose text and binary forms are the stored text itself: text, varchar, bpchar, name, json, xml, unknown. */
const plainText = new Set([25, 1043, 1042, 19, 114, 142, 705]);
const uuid = 2950;
/** 64-bit types whose binary form is the stored integer: int8, time, timestamp, timestamptz, money, xid8, pg_lsn. */
const plainInt64 = new Set([20, 1083, 1114, 1184, 790, 5069, 3220]);
/** float4, float8 and the unsigned 32-bit ones that lie in float64 vectors: oid, xid, cid. */
const plainNumber = new Set([700, 701, 26, 28, 29]);

/** Where DataRows go, and what to call when the buffer is large enough to leave. */
export interface RowOutput {
  readonly writer: ByteWriter;
  flush(): void;
}

/** Encodes the results of one shape and one list of formats. */
export class FormatEncoder {
  readonly rowDescription: Buffer;
  readonly #types: readonly TypeInstance[];
  readonly #formats: readonly number[];
  readonly #kinds: (VectorKind | null)[];
  readonly #codes: Uint8Array;

  constructor(shape: ResultShape, formats: Formats) {
    const {fields} = shape;
    this.#formats = fields.map((_, i) => formatOf(formats, i));
    const resolved = fields.map(field => resolveDomain(field.type, field.typmod));
    this.#types = resolved.map(({type}) => type);
    this.#kinds = fields.map(() => null);
    this.#codes = new Uint8Array(fields.length);
    const out = new Writer(64 + fields.length * 48);
    writeRowDescription(
      out,
      fields.map(({name, tableOid, attnum}, i) => {
        const {type, typmod} = resolved[i]!;
        const format = this.#formats[i]!;
        return {name, tableOid, attnum, typeOid: type.oid, typeLength: type.length, typmod, format};
      }),
    );
    this.rowDescription = out.take();
  }

  /** Writes the live rows [from, to) of a batch. When a value cannot be written, the rows before it stay. */
  dataRows(
    output: RowOutput,
    batch: Batch,
    range: {from: number; to: number},
    settings: FormatSettings,
    flushAt: number,
  ): void {
    const out = output.writer;
    const {vectors, selection} = batch;
    this.#choose(vectors);
    let start = out.length;
    try {
      for (let i = range.from; i < range.to; i++) {
        start = out.length;
        this.#row(out, vectors, selection === null ? i : selection[i]!, settings);
        if (out.length >= flushAt) {
          output.flush();
          start = out.length;
        }
      }
    } catch (error) {
      out.length = start;
      throw error;
    }
  }

  #row(out: ByteWriter, vectors: readonly Vector[], row: number, settings: FormatSettings): void {
    const codes = this.#codes;
    const count = codes.length;
    out.ensure(7 + count * 16);
    const {buffer, length: start} = out;
    buffer[start] = 0x44;
    buffer[start + 5] = count >> 8;
    buffer[start + 6] = count;
    out.length = start + 7;
    for (let c = 0; c < count; c++) {
      const vector = vectors[c]!;
      const {nulls} = vector;
      if (nulls !== null && nulls[row] === 1) {
        out.int32(-1);
        continue;
      }
      switch (codes[c]) {
        case kInt32Text:
          if (vector.kind === 'int32') writeIntegerText(out, vector.values[row]!);
          break;
        case kInt64Text:
          if (vector.kind === 'int64') writeInt64Text(out, vector.values[row]!);
          break;
        case kUtf8:
          if (vector.kind === 'utf8') writeUtf8(out, vector, row);
          break;
        case kDict:
          if (vector.kind === 'dict') writeDict(out, vector, row);
          break;
        case kString:
          if (vector.kind === 'string') writeString(out, vector.values[row]!);
          break;
        case kBool:
          if (vector.kind === 'bool') writeBool(out, vector.values[row] !== 0, this.#formats[c]!);
          break;
        case kOidText:
          if (vector.kind === 'float64') writeIntegerText(out, vector.values[row]!);
          break;
        case kInt32Binary:
          if (vector.kind === 'int32') {
            writeInt32Binary(out, vector.values[row]!, this.#types[c]!.oid === int2);
          }
          break;
        case kInt64Binary:
          if (vector.kind === 'int64') writeInt64Binary(out, vector.values[row]!);
          break;
        case kFloat64Binary:
          if (vector.kind === 'float64') {
            writeNumberBinary(out, vector.values[row]!, this.#types[c]!.oid);
          }
          break;
        case kGeneric:
          writeGeneric(out, vector, row, this.#types[c]!, this.#formats[c]!, settings);
          break;
        default:
          throw new PgError(
            SqlState.invalidParameterValue,
            `unsupported format code: ${this.#formats[c]}`,
          );
      }
    }
    out.setInt32(start + 1, out.length - start - 1);
  }

  /** Chooses again where the vector kind of a column has changed. */
  #choose(vectors: readonly Vector[]): void {
    const kinds = this.#kinds;
    for (let c = 0; c < kinds.length; c++) {
      const {kind} = vectors[c]!;
      if (kinds[c] === kind) continue;
      kinds[c] = kind;
      this.#codes[c] = encoderCode(this.#types[c]!, this.#formats[c]!, kind);
    }
  }
}

/** The encoders of one result shape by format list. */
class ShapeEncoders {
  readonly #shape: ResultShape;
  #text: FormatEncoder | null = null;
  #binary: FormatEncoder | null = null;
  #mixed: Map<string, FormatEncoder> | null = null;

  constructor(shape: ResultShape) {
    this.#shape = shape;
  }

  get(formats: Formats): FormatEncoder {
    if (isAll(formats, 0)) return (this.#text ??= new FormatEncoder(this.#shape, null));
    if (isAll(formats, 1)) return (this.#binary ??= new FormatEncoder(this.#shape, formats));
    this.#mixed ??= new Map();
    const key = formats!.join();
    let encoder = this.#mixed.get(key);
    if (encoder === undefined) {
      encoder = new FormatEncoder(this.#shape, formats);
      this.#mixed.set(key, encoder);
    }
    return encoder;
  }
}

/** Row descriptions and encoders by result shape; shared by all connections of a server. */
export class ResultEncoders {
  readonly #shapes = new WeakMap<ResultShape, ShapeEncoders>();
  #lastShape: ResultShape | null = null;
  #last: ShapeEncoders | null = null;

  /** The encoder of a shape under these formats. */
  encoder(shape: ResultShape, formats: Formats): FormatEncoder {
    if (shape === this.#lastShape) return this.#last!.get(formats);
    let encoders = this.#shapes.get(shape);
    if (encoders === undefined) {
      encoders = new ShapeEncoders(shape);
      this.#shapes.set(shape, encoders);
    }
    this.#lastShape = shape;
    this.#last = encoders;
    return encoders.get(formats);
  }
}

function isAll(formats: Formats, code: number): boolean {
  if (formats === null || formats.length === 0) return code === 0;
  for (let i = 0; i < formats.length; i++) {
    if (formats[i] !== code) return false;
  }
  return true;
}

function formatOf(formats: Formats, column: number): number {
  if (formats === null || formats.length === 0) return 0;
  return (formats.length === 1 ? formats[0] : formats[column]) ?? 0;
}

/** Results speak of a domain's base type (PostgreSQL `getBaseTypeAndTypmod`). */
function resolveDomain(type: TypeInstance, typmod: number): {type: TypeInstance; typmod: number} {
  let [base, mod] = [type, typmod];
  while (base.kind === 'd' && base.base !== null) {
    mod = base.baseTypmod;
    base = base.base;
  }
  return {type: base, typmod: mod};
}

function encoderCode(type: TypeInstance, format: number, kind: VectorKind): number {
  if (format !== 0 && format !== 1) return kUnsupportedFormat;
  const isBinary = format === 1;
  const {oid} = type;
  switch (kind) {
    case 'int32':
      if (oid === int2 || oid === int4) return isBinary ? kInt32Binary : kInt32Text;
      return kGeneric;
    case 'int64':
      if (isBinary) return plainInt64.has(oid) ? kInt64Binary : kGeneric;
      return oid === 20 ? kInt64Text : kGeneric;
    case 'float64':
      if (isBinary) return plainNumber.has(oid) ? kFloat64Binary : kGeneric;
      return oid === oidType ? kOidText : kGeneric;
    case 'bool':
      return oid === 16 ? kBool : kGeneric;
    case 'dict':
    case 'utf8':
    case 'string': {
      const isPlain = plainText.has(oid) || type.kind === 'e' || (oid === uuid && !isBinary);
      if (!isPlain) return kGeneric;
      return kind === 'dict' ? kDict : kind === 'utf8' ? kUtf8 : kString;
    }
    case 'boxed':
      return kGeneric;
  }
}
