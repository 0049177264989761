import type {Datum, ParquetForm, TypeInstance, Value} from '../../types/contract.ts';
import {defaultFormatSettings} from '../../types/format-settings.ts';
import {hasCanonicalForm, integerShift, isPlainText, isPlainUuid} from './column-plan.ts';
import {corrupt} from './file-errors.ts';

/** Physical form of a stored column. */
export interface ParquetColumnForm {
  readonly physicalType: ParquetForm['physicalType'];
  readonly length: number;
}

/** How stored values become Datums of the wanted type: by whole pages where possible, else value by value. */
export interface Reading {
  readonly kind: 'bool' | 'int32' | 'int64' | 'float64' | 'text' | 'uuid' | 'convert';
  readonly type: TypeInstance;
  /** To be taken off stored integers. */
  readonly shift: bigint;
  /** One stored value to a Datum; right for every kind. */
  readonly convert: (stored: StoredScalar) => Datum;
  /**
   * A wanted value as the stored type's, for bounds and filters; null when the column cannot have it (then only equality is decided).
   * The function is null when they say nothing of the wanted type's values.
   */
  readonly narrow: ((value: Value) => Datum) | null;
  /** Type that bounds and filters speak of. */
  readonly storedType: TypeInstance;
}

/** What a page holds for one row, as ParquetForm.decode takes it. */
export type StoredScalar = boolean | number | bigint | Uint8Array;

/** The reading of a column as a type, or XX001 when the stored form cannot be read as it. */
export function readingOf(
  path: string,
  column: ParquetColumnForm & {readonly typeOid: number},
  storedType: TypeInstance | null,
  wanted: TypeInstance,
): Reading {
  const form = wanted.parquet;
  const isSameForm = form.physicalType === column.physicalType && form.length === column.length;
  const isSameType =
    column.typeOid === wanted.oid ||
    wanted.base?.oid === column.typeOid ||
    storedType?.base?.oid === wanted.oid;
  if (isSameType && isSameForm) return direct(wanted);
  if (isSameForm && storedType !== null && isSameText(storedType, wanted)) return direct(wanted);
  if (storedType !== null && storedType.oid === column.typeOid) {
    return {
      kind: 'convert',
      type: wanted,
      shift: 0n,
      convert: conversion(path, storedType, wanted),
      narrow: isWidened(storedType, wanted) ? value => narrowed(storedType, value) : null,
      storedType,
    };
  }
  if (isSameForm && hasCanonicalForm(wanted)) return {...direct(wanted), narrow: null};
  throw corrupt(path, `a column of type OID ${column.typeOid} cannot be read as ${wanted.name}`);
}

/** varchar and text hold and compare the same bytes. */
function isSameText(a: TypeInstance, b: TypeInstance): boolean {
  return [a, b].every(
    type => isPlainText(type) && hasCanonicalForm(type) && type.kind === 'b' && type.isCollatable,
  );
}

/** Whether values that were written in the order of one type are in that of another, which they are read as. */
export function keepsOrder(stored: TypeInstance, wanted: TypeInstance): boolean {
  if (stored.oid === wanted.oid || isWidened(stored, wanted)) return true;
  const {physicalType, length} = stored.parquet;
  const form = {physicalType, length, typeOid: stored.oid};
  return readingOf('', form, stored, wanted).storedType === wanted;
}

const SMALL_INTEGERS: readonly number[] = [21, 23];
const INTEGERS: readonly number[] = [...SMALL_INTEGERS, 20];

function isWidened(stored: TypeInstance, wanted: TypeInstance): boolean {
  return SMALL_INTEGERS.includes(stored.oid) && INTEGERS.includes(wanted.oid);
}

function narrowed(stored: TypeInstance, value: Value): Datum {
  const number = Number(value);
  const limit = stored.oid === SMALL_INTEGERS[0] ? 0x8000 : 0x80000000;
  return number >= -limit && number < limit ? number : null;
}

function itself(value: Value): Datum {
  return value;
}

function direct(type: TypeInstance): Reading {
  const {parquet: form} = type;
  const shift = integerShift(type);
  const base = {
    type,
    shift: shift ?? 0n,
    convert: (stored: StoredScalar) => form.decode(stored),
    narrow: itself,
    storedType: type,
  };
  if (shift !== null) return {...base, kind: form.physicalType === 'INT32' ? 'int32' : 'int64'};
  if (form.physicalType === 'BOOLEAN' && type.physical === 'bool') return {...base, kind: 'bool'};
  const isFloat = form.physicalType === 'DOUBLE' || form.physicalType === 'FLOAT';
  if (isFloat && type.physical === 'float64') return {...base, kind: 'float64'};
  if (isPlainText(type)) return {...base, kind: 'text'};
  if (isPlainUuid(type)) return {...base, kind: 'uuid'};
  return {...base, kind: 'convert'};
}

function conversion(
  path: string,
  stored: TypeInstance,
  wanted: TypeInstance,
): (value: StoredScalar) => Datum {
  const decode = (value: StoredScalar): Value => stored.parquet.decode(value);
  const isInteger = stored.physical === 'int32' && stored.category === 'N';
  if (isInteger && wanted.category === 'N' && wanted.physical === 'int64') {
    return value => BigInt(decode(value) as number);
  }
  const isNumber = isInteger || stored.physical === 'float64';
  if (
    isNumber &&
    stored.category === 'N' &&
    wanted.category === 'N' &&
    wanted.physical === 'float64'
  ) {
    return value => Number(decode(value));
  }
  return value => {
    try {
      const text = stored.output(decode(value), defaultFormatSettings);
      return wanted.input(text, -1, defaultFormatSettings);
    } catch (error) {
      throw corrupt(path, `a value of type ${stored.name} cannot be read as ${wanted.name}`, error);
    }
  };
}
