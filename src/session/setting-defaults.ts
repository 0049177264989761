import {settingFacts} from '../catalog/system/fact-rows.ts';
import {VERSION} from '../common/version.ts';
import type {SettingDefinition} from './setting-values.ts';
import type {SettingDefinitions} from './settings.ts';

/** The version that is announced to clients: they choose their catalog queries by it. */
export const SERVER_VERSION = '15.20';

/** Our own settings, in the form of PostgreSQL's. */
const own: readonly SettingDefinition[] = [
  {
    name: 'wadi_version',
    boot: VERSION,
    unit: null,
    category: 'Preset Options',
    shortDescription: 'Shows the version of Wadi.',
    extraDescription: null,
    context: 'internal',
    type: 'string',
    min: null,
    max: null,
    enumValues: null,
  },
  {
    name: 'live_max_result_rows',
    boot: '10000',
    unit: null,
    category: 'Resource Usage / Memory',
    shortDescription: 'Sets the maximum number of rows of a live query whose result is kept.',
    extraDescription: 'Applies to live queries of classes B and E, see EXPLAIN (LIVE).',
    context: 'user',
    type: 'integer',
    min: '1',
    max: '1000000',
    enumValues: null,
  },
  // PostgreSQL keeps these out of pg_settings (GUC_NO_SHOW_ALL), but SHOW knows them.
  hiddenText('role', 'none', 'Sets the current role.'),
  hiddenText('session_authorization', '', 'Sets the session user name.'),
  {
    ...hiddenText('is_superuser', 'off', 'Shows whether the current user is a superuser.'),
    context: 'internal',
  },
];

function hiddenText(name: string, boot: string, shortDescription: string): SettingDefinition {
  return {
    name,
    boot,
    unit: null,
    category: 'Ungrouped',
    shortDescription,
    extraDescription: null,
    context: 'user',
    type: 'string',
    min: null,
    max: null,
    enumValues: null,
  };
}

/** Definitions of all settings by lower-case name. */
export function loadSettingDefinitions(): SettingDefinitions {
  const definitions = new Map<string, SettingDefinition>();
  for (const facts of settingFacts()) {
    definitions.set(facts.name.toLowerCase(), {...facts, boot: facts.bootValue ?? ''});
  }
  for (const definition of own) definitions.set(definition.name, definition);
  return definitions;
}

/** The machine's time zone; UTC by the name that initdb gives it. */
function systemTimeZone(): string {
  const {timeZone} = Intl.DateTimeFormat().resolvedOptions();
  return timeZone === 'UTC' ? 'Etc/UTC' : timeZone;
}

/** Values that differ from PostgreSQL's boot values: what a started server reports. */
export function defaultSettings(dataDir: string): ReadonlyMap<string, string> {
  return new Map([
    ['server_version', SERVER_VERSION],
    ['server_version_num', '150020'],
    ['server_encoding', 'UTF8'],
    ['client_encoding', 'UTF8'],
    ['timezone', systemTimeZone()],
    ['log_timezone', 'UTC'],
    ['lc_collate', 'C.UTF-8'],
    ['lc_ctype', 'C.UTF-8'],
    ['lc_messages', 'C.UTF-8'],
    ['lc_monetary', 'C.UTF-8'],
    ['lc_numeric', 'C.UTF-8'],
    ['lc_time', 'C.UTF-8'],
    ['default_text_search_config', 'pg_catalog.english'],
    ['data_directory', dataDir],
    ['max_prepared_transactions', '0'],
  ]);
}
