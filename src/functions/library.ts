import {basicAggregates} from './aggregate.ts';
import {hypotheticalAggregates} from './aggregate-hypothetical.ts';
import {jsonAggregates} from './aggregate-json.ts';
import {statisticsAggregates} from './aggregate-statistics.ts';
import {arrayFunctions, arraySets} from './arrays.ts';
import {assignFunctions} from './assign.ts';
import {sampleFunctions} from './sample.ts';
import {bytesFunctions} from './bytes.ts';
import {castFunctions} from './casts.ts';
import {compareFunctions} from './compare.ts';
import {columnSizeFunctions} from './column-size.ts';
import type {AggregateCode, FunctionCode, FunctionLibrary, SetFunctionCode} from './contract.ts';
import {datetimeFunctions} from './datetime.ts';
import {extractFunctions} from './extract.ts';
import {floatFunctions} from './float.ts';
import {geometryFunctions} from './geometry.ts';
import {geometryRelations} from './geometry-relations.ts';
import {hashFunctions} from './hash.ts';
import {idFunctions} from './ids.ts';
import {intArith} from './int-arith.ts';
import {jsonFunctions, jsonSets} from './json.ts';
import {populateFunctions, populateSets} from './json-populate.ts';
import {pathFunctions, pathSets} from './jsonpath-functions.ts';
import {patternFunctions, patternSets} from './like-regex.ts';
import {miscFunctions} from './misc.ts';
import {bitFunctions, enumFunctions, moneyFunctions} from './money-bits.ts';
import {rangeAggregates, rangeFunctions, rangeSets} from './range.ts';
import {timeSeriesSets} from './series-time.ts';
import {networkFunctions} from './network.ts';
import {numericFunctions} from './numeric.ts';
import {sendFunctions} from './send.ts';
import {seriesSets} from './series.ts';
import {toCharDateFunctions} from './to-char-date.ts';
import {toCharNumberFunctions} from './to-char-number.ts';
import {toTimestampFunctions} from './to-timestamp.ts';
import {settingFlagFunctions} from './setting-flags.ts';
import {textFunctions} from './text.ts';
import {toAsciiFunctions} from './to-ascii.ts';
import {transactionFunctions, transactionSets} from './transactions.ts';
import {variadicAnyFunctions} from './variadic-any.ts';

/** Code of upper layers, to be found beside the built-in functions. */
export interface LibraryExtension {
  readonly scalars?: Readonly<Record<string, FunctionCode>>;
  readonly aggregates?: Readonly<Record<string, AggregateCode>>;
  readonly setReturning?: Readonly<Record<string, SetFunctionCode>>;
}

class Library implements FunctionLibrary {
  readonly #scalars = new Map<string, FunctionCode>();
  readonly #aggregates = new Map<string, AggregateCode>();
  readonly #setReturning = new Map<string, SetFunctionCode>();

  add(extension: LibraryExtension): void {
    for (const [source, code] of Object.entries(extension.scalars ?? {}))
      this.#scalars.set(source, code);
    for (const [source, code] of Object.entries(extension.aggregates ?? {}))
      this.#aggregates.set(source, code);
    for (const [source, code] of Object.entries(extension.setReturning ?? {}))
      this.#setReturning.set(source, code);
  }

  scalar(source: string): FunctionCode | undefined {
    return this.#scalars.get(source);
  }

  aggregate(source: string): AggregateCode | undefined {
    return this.#aggregates.get(source);
  }

  setReturning(source: string): SetFunctionCode | undefined {
    return this.#setReturning.get(source);
  }
}

const scalarFamilies = [
  intArith,
  floatFunctions,
  numericFunctions,
  compareFunctions,
  castFunctions,
  textFunctions,
  patternFunctions,
  bytesFunctions,
  arrayFunctions,
  miscFunctions,
  datetimeFunctions,
  extractFunctions,
  jsonFunctions,
  toCharNumberFunctions,
  toCharDateFunctions,
  toTimestampFunctions,
  rangeFunctions,
  moneyFunctions,
  bitFunctions,
  enumFunctions,
  hashFunctions,
  populateFunctions,
  pathFunctions,
  networkFunctions,
  geometryFunctions,
  geometryRelations,
  assignFunctions,
  sampleFunctions,
  toAsciiFunctions,
  transactionFunctions,
  settingFlagFunctions,
  columnSizeFunctions,
  variadicAnyFunctions,
  sendFunctions,
];
const setFamilies = [
  patternSets,
  arraySets,
  seriesSets,
  timeSeriesSets,
  jsonSets,
  rangeSets,
  populateSets,
  pathSets,
  transactionSets,
];

/** All functions, with those of upper layers. */
export function createFunctionLibrary(...extensions: readonly LibraryExtension[]): FunctionLibrary {
  const library = new Library();
  for (const scalars of scalarFamilies) library.add({scalars});
  library.add({scalars: idFunctions()});
  for (const setReturning of setFamilies) library.add({setReturning});
  for (const aggregates of [
    basicAggregates,
    jsonAggregates,
    statisticsAggregates,
    rangeAggregates,
    hypotheticalAggregates,
  ])
    library.add({aggregates});
  for (const extension of extensions) library.add(extension);
  return library;
}
