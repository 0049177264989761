import {readFileSync} from 'node:fs';

/** A query that a real client sent. */
export interface CorpusQuery {
  readonly client: string;
  readonly protocol: 'simple' | 'extended';
  readonly text: string;
}

/** Reads a corpus: queries lie between lines that hold only `-- ;;`, each after a line about its client. */
export function readCorpus(path: string): CorpusQuery[] {
  const parts = readFileSync(path, 'utf8')
    .split(/^-- ;;$/m)
    .slice(1);
  return parts.flatMap(part => {
    const [, client, protocol] = /^\s*-- client: ([^;]*);.*protocol: (\w+)/.exec(part) ?? [];
    if (client === undefined) return [];
    const text = part.replace(/^\s*-- client:.*\n/, '').trim();
    return [{client, protocol: protocol === 'extended' ? 'extended' : 'simple', text}];
  });
}
