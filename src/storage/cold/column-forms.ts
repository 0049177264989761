import {corrupt} from './file-errors.ts';
import type {Datum, ParquetForm, TypeInstance, Value} from '../../types/contract.ts';
import {defaultFormatSettings} from '../../types/format-settings.ts';
import {hasCanonicalForm, integerShift, isPlainText, isPlainUuid} from './column-plan.ts';

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
  /** Whether stored bounds and value filters speak of the wanted type's values. */
  readonly isSameType: boolean;
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
    column.typeOid === wanted.oid || wanted.base?.oid === column.typeOid || storedType?.base?.oid === wanted.oid;
  if (isSameType && isSameForm) return direct(wanted);
  if (storedType !== null && storedType.oid === column.typeOid) {
    return {
      kind: 'convert',
      type: wanted,
      shift: 0n,
      convert: conversion(path, storedType, wanted),
      isSameType: false,
    };
  }
  if (isSameForm && hasCanonicalForm(wanted)) return {...direct(wanted), isSameType: false};
  throw corrupt(path, `a column of type OID ${column.typeOid} cannot be read as ${wanted.name}`);
}

function direct(type: TypeInstance): Reading {
  const {parquet: form} = type;
  const shift = integerShift(type);
  const base = {type, shift: shift ?? 0n, convert: (stored: StoredScalar) => form.decode(stored), isSameType: true};
  if (shift !== null) return {...base, kind: form.physicalType === 'INT32' ? 'int32' : 'int64'};
  if (form.physicalType === 'BOOLEAN' && type.physical === 'bool') return {...base, kind: 'bool'};
  const isFloat = form.physicalType === 'DOUBLE' || form.physicalType === 'FLOAT';
  if (isFloat && type.physical === 'float64') return {...base, kind: 'float64'};
  if (isPlainText(type)) return {...base, kind: 'text'};
  if (isPlainUuid(type)) return {...base, kind: 'uuid'};
  return {...base, kind: 'convert'};
}

function conversion(path: string, stored: TypeInstance, wanted: TypeInstance): (value: StoredScalar) => Datum {
  const decode = (value: StoredScalar): Value => stored.parquet.decode(value);
  const isInteger = stored.physical === 'int32' && stored.category === 'N';
  if (isInteger && wanted.category === 'N' && wanted.physical === 'int64') {
    return value => BigInt(decode(value) as number);
  }
  const isNumber = isInteger || stored.physical === 'float64';
  if (isNumber && stored.category === 'N' && wanted.category === 'N' && wanted.physical === 'float64') {
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
