/** A step: one message of one session. */
export interface IsolationStep {
  readonly name: string;
  readonly session: string;
  readonly sql: string;
}

/** A file of test/isolation/specs: what sessions do, and in which orders. */
export interface IsolationSpec {
  readonly file: string;
  /** Run before each order, one message each. */
  readonly setup: readonly string[];
  /** Asked after each order. */
  readonly finally: readonly string[];
  readonly sessions: readonly string[];
  readonly steps: ReadonlyMap<string, IsolationStep>;
  readonly permutations: readonly (readonly string[])[];
  /** exact: every answer; serializable: who commits, and that what was read has a serial order. */
  readonly compare: 'exact' | 'serializable';
}

/**
 * Reads a spec. Blocks begin in the first column: `setup`, `finally` (indented lines, each a message), `session NAME` (indented
 * lines, each a step: its name, then SQL), `permutation STEPS`, `interleave SESSIONS` (all orders that keep each session's own),
 * `compare serializable`. A line that is indented deeper continues the one before.
 */
export function parseSpec(file: string, text: string): IsolationSpec {
  const setup: string[] = [];
  const finals: string[] = [];
  const sessions: string[] = [];
  const steps = new Map<string, IsolationStep>();
  const permutations: (readonly string[])[] = [];
  let compare: IsolationSpec['compare'] = 'exact';
  let block = '';
  for (const line of logicalLines(text)) {
    const words = line.trim().split(/\s+/);
    if (line.startsWith(' ')) {
      if (block === 'setup') setup.push(line.trim());
      else if (block === 'finally') finals.push(line.trim());
      else {
        const [name = ''] = words;
        if (block === '' || steps.has(name)) throw new Error(`${file}: step ${name}`);
        steps.set(name, {name, session: block, sql: line.trim().slice(name.length).trim()});
      }
    } else if (words[0] === 'session') {
      block = words[1] ?? '';
      sessions.push(block);
    } else if (words[0] === 'permutation') permutations.push(words.slice(1));
    else if (words[0] === 'interleave') {
      const all = [...steps.values()];
      const names = words.length === 1 ? sessions : words.slice(1);
      const own = names.map(name => all.filter(s => s.session === name).map(s => s.name));
      permutations.push(...interleavings(own));
    } else if (words[0] === 'compare')
      compare = words[1] === 'serializable' ? 'serializable' : 'exact';
    else if (words[0] === 'setup' || words[0] === 'finally') block = words[0];
    else throw new Error(`${file}: ${line}`);
  }
  for (const name of permutations.flat())
    if (!steps.has(name)) throw new Error(`${file}: no step ${name}`);
  return {file, setup, finally: finals, sessions, steps, permutations, compare};
}

/** Lines without comments and empty ones, continuations joined. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    if (/^ {4,}/.test(line) && lines.length > 0) lines.push(`${lines.pop()} ${line.trim()}`);
    else lines.push(line);
  }
  return lines;
}

/** All orders of several lists that keep each list's own order. */
export function interleavings(lists: readonly (readonly string[])[]): string[][] {
  const rest = lists.filter(list => list.length > 0);
  if (rest.length === 0) return [[]];
  return rest.flatMap((list, at) => {
    const others = rest.map((other, index) => (index === at ? other.slice(1) : other));
    return interleavings(others).map(tail => [list[0]!, ...tail]);
  });
}
