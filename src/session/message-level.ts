import type {Notice} from '../common/errors.ts';

const LEVELS: Readonly<Record<string, number>> = {
  debug5: 10,
  debug4: 11,
  debug3: 12,
  debug2: 13,
  debug1: 14,
  debug: 13,
  log: 15,
  info: 17,
  notice: 18,
  warning: 19,
  error: 21,
};

/** Whether a message of this severity is sent under client_min_messages. */
export function isShown(severity: Notice['severity'], minimum: string): boolean {
  if (severity === 'INFO') return true;
  return LEVELS[severity.toLowerCase()]! >= LEVELS[minimum]!;
}
