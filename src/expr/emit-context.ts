import type {VectorKind} from '../columns/vector.ts';
import type {EvalContext, FunctionCode, FunctionLibrary} from '../functions/contract.ts';
import type {PhysicalKind, TypeLookup} from '../types/contract.ts';
import type {BoundExpr} from './bound.ts';

/** Where a column's values come from: a vector of a kind, or a Datum of a row array. */
export type InputKind = VectorKind | 'datum';

/**
 * A computed value in generated code: `value` is a local name or literal, `isNull` a name, 'true' or 'false'.
 * `value` means nothing when NULL.
 */
export interface Operand {
  readonly value: string;
  readonly isNull: string;
}

/** What the generated code may call: functions by prosrc, types by OID. */
export interface EmitEnvironment {
  readonly library: FunctionLibrary;
  readonly lookup: TypeLookup;
}

/** The operand of SQL NULL. */
export const NULL_OPERAND: Operand = {value: 'null', isNull: 'true'};

/** JavaScript source of a harmless value of a physical kind, for results that are NULL. */
export function zeroOf(physical: PhysicalKind): string {
  switch (physical) {
    case 'bool':
      return 'false';
    case 'int32':
    case 'float64':
      return '0';
    case 'int64':
      return '0n';
    case 'text':
      return "''";
    case 'boxed':
      return 'null';
  }
}

/** What the writers of single expressions use of the emitter. */
export interface EmitContext {
  readonly environment: EmitEnvironment;
  readonly holder: {context: EvalContext | null};
  inputKind(index: number): InputKind;
  fresh(prefix: string): string;
  bind(value: unknown): string;
  bindStatic(value: unknown): string;
  line(text: string): void;
  prologue(name: string, text: string): void;
  state(text: string): void;
  block(head: string, body: () => void, tail?: string): void;
  withLet<T>(id: number, operand: Operand, body: () => T): T;
  context(): string;
  functionCode(source: string): FunctionCode;
  datum(operand: Operand): string;
  fromDatum(source: string): Operand;
  anyNull(operands: readonly Operand[]): string;
  emit(expr: BoundExpr): Operand;
  vectorParts(index: number): void;
  columnIsNull(index: number): string;
}
