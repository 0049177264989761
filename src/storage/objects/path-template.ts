import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';

/** Where segments of shared tables lie unless a storage says otherwise. */
export const SHARED_TEMPLATE = '{namespace}/{tableName}';
/** Where segments of user tables lie unless a storage says otherwise: each user has his own directory. */
export const USER_TEMPLATE = '{namespace}/{tableName}/{userId}';

/** What the placeholders of a template stand for. */
export interface TemplateValues {
  readonly storage: string;
  readonly namespace: string;
  readonly tableName: string;
  /** The owner's id: a name can hold anything, and be given to another role later. */
  readonly userId: string;
  readonly shard: string;
}

const PLACEHOLDERS: ReadonlySet<string> = new Set([
  'storage',
  'namespace',
  'tableName',
  'userId',
  'shard',
]);
const MAX_TEMPLATE = 255;
const MAX_PART = 100;

/** A template without slashes at its ends; 22023 when it could leave its directory, mix up users, or names an unknown placeholder. */
export function checkTemplate(option: string, text: string, isUser: boolean): string {
  const template = text.replace(/^\/+|\/+$/g, '');
  const names = [...template.matchAll(/\{([^{}]*)\}/g)].map(match => match[1]!);
  const unknown = names.find(name => !PLACEHOLDERS.has(name));
  if (unknown !== undefined) {
    throw invalid(option, text, {
      detail: `There is no placeholder "{${unknown}}".`,
      hint: `Placeholders are ${[...PLACEHOLDERS].map(name => `{${name}}`).join(', ')}.`,
    });
  }
  const parts = template.replaceAll(/\{[^{}]*\}/g, 'x').split('/');
  const isSafe = parts.every(part => /^[A-Za-z0-9_.=-]+$/.test(part) && !/^\.+$/.test(part));
  if (!isSafe || template.length > MAX_TEMPLATE) {
    throw invalid(option, text, {
      detail:
        'Its parts are letters, digits, ".", "_", "=", "-" and placeholders, separated by single slashes.',
    });
  }
  const separatesUsers = names.includes('userId') || names.includes('shard');
  if (isUser && !separatesUsers)
    throw invalid(option, text, {detail: 'A template of user tables has {userId} or {shard}.'});
  if (!isUser && separatesUsers)
    throw invalid(option, text, {
      detail: 'Rows of shared tables have no owner: {userId} and {shard} do not apply.',
    });
  return template;
}

function invalid(
  option: string,
  text: string,
  fields: {readonly detail: string; readonly hint?: string},
): PgError {
  return new PgError(
    SqlState.invalidParameterValue,
    `invalid value for option "${option}": "${text}"`,
    fields,
  );
}

/** The directory that a checked template names. */
export function expandTemplate(template: string, values: TemplateValues): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    pathPart(values[name as keyof TemplateValues]),
  );
}

/** A name as a part of a path: what is not a letter of ASCII, a digit, `_` or `-` becomes `~` and two hex digits per byte. */
export function pathPart(name: string): string {
  let part = '';
  for (const byte of Buffer.from(name)) {
    const letter = String.fromCharCode(byte);
    part += /[A-Za-z0-9_-]/.test(letter) ? letter : `~${byte.toString(16).padStart(2, '0')}`;
  }
  return part.slice(0, MAX_PART) || '~';
}
