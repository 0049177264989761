import {featureNotSupported} from '../common/errors.ts';
import type {CatalogPort} from '../functions/contract.ts';
import type {PgArray} from '../types/array-value.ts';
import type {Datum, NameResolver} from '../types/contract.ts';
import {parseAcl, privilegeLetters} from './acl.ts';
import {definitionFunctions} from './info/definition-functions.ts';
import {describeFunctions} from './info/describe-object.ts';
import {objectFunctions} from './info/object-functions.ts';
import {privilegeFunctionOf} from './info/privilege-functions.ts';
import type {InfoContext, InfoFunction, InfoSetFunction} from './info/context.ts';
import type {NameScope} from './names.ts';
import {keywordRows} from './quote.ts';
import {regIn, regOut} from './reg-names.ts';
import {timezoneAbbrevRows, timezoneNameRows} from './system/fact-rows.ts';

const functions: Readonly<Record<string, InfoFunction>> = {
  ...definitionFunctions,
  ...describeFunctions,
  ...objectFunctions,
};

/** The catalog information function of a prosrc; undefined when the catalog layer has none. */
export function catalogFunction(source: string): InfoFunction | undefined {
  return Object.hasOwn(functions, source) ? functions[source] : privilegeFunctionOf(source);
}

/** The prosrc names that `catalogFunction` answers, the has_* families by their pattern. */
export function isCatalogFunction(source: string): boolean {
  return catalogFunction(source) !== undefined;
}

/** CatalogPort over whatever snapshot and session facts hold at the call. */
export function createCatalogPort(context: () => InfoContext): CatalogPort {
  return {
    call(source: string, args: readonly Datum[]): Datum {
      const fn = catalogFunction(source);
      if (fn === undefined) throw featureNotSupported(`function ${source} is not supported`);
      return fn(context(), args);
    },
  };
}

/** NameResolver of reg* types over whatever scope holds at the call. */
export function createNameResolver(scope: () => NameScope): NameResolver {
  return {
    regIn: (typeName, text) => regIn(scope(), typeName, text),
    regOut: (typeName, value) => regOut(scope(), typeName, value),
  };
}

const letterNames: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(privilegeLetters)
    .filter(([name]) => name !== 'TEMP')
    .map(([name, letter]) => [letter, name]),
);

/** aclexplode(aclitem[]): grantor, grantee, privilege_type, is_grantable. */
const aclExplode: InfoSetFunction = (context, args) =>
  (args[0] as PgArray).elements.flatMap(element => {
    const item = parseAcl(element as string, context.snapshot);
    if (item === undefined) return [];
    return [...item.privileges].map(letter => [
      ...[item.grantor, item.grantee, letterNames[letter] ?? letter],
      item.grantOptions.includes(letter),
    ]);
  });

/** pg_options_to_table(text[]): option_name, option_value. */
const optionsToTable: InfoSetFunction = (_context, args) =>
  (args[0] as PgArray).elements.map(element => {
    const text = element as string;
    const at = text.indexOf('=');
    return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
  });

/** ts_token_type of the one parser, `default`: tokid, alias, description. */
const tokenTypes: readonly (readonly Datum[])[] = [
  ['asciiword', 'Word, all ASCII'],
  ['word', 'Word, all letters'],
  ['numword', 'Word, letters and digits'],
  ['email', 'Email address'],
  ['url', 'URL'],
  ['host', 'Host'],
  ['sfloat', 'Scientific notation'],
  ['version', 'Version number'],
  ['hword_numpart', 'Hyphenated word part, letters and digits'],
  ['hword_part', 'Hyphenated word part, all letters'],
  ['hword_asciipart', 'Hyphenated word part, all ASCII'],
  ['blank', 'Space symbols'],
  ['tag', 'XML tag'],
  ['protocol', 'Protocol head'],
  ['numhword', 'Hyphenated word, letters and digits'],
  ['asciihword', 'Hyphenated word, all ASCII'],
  ['hword', 'Hyphenated word, all letters'],
  ['url_path', 'URL path'],
  ['file', 'File or path name'],
  ['float', 'Decimal notation'],
  ['int', 'Signed integer'],
  ['uint', 'Unsigned integer'],
  ['entity', 'XML entity'],
].map(([alias = '', description = ''], at) => [at + 1, alias, description]);

/** Set-returning catalog functions by prosrc. */
export const catalogSetFunctions: Readonly<Record<string, InfoSetFunction>> = {
  aclexplode: aclExplode,
  pg_options_to_table: optionsToTable,
  pg_get_keywords: () => keywordRows(),
  ts_token_type_byid: () => tokenTypes,
  ts_token_type_byname: () => tokenTypes,
  pg_timezone_abbrevs: () => timezoneAbbrevRows(),
  pg_timezone_names: () => timezoneNameRows(new Date()),
  pg_partition_ancestors: () => [],
  pg_partition_tree: () => [],
  pg_get_publication_tables: () => [],
  pg_tablespace_databases: context => [...context.snapshot.databases()].map(each => [each.oid]),
};
