import type {Block} from './block.ts';

interface Guess {
  readonly alias: string;
  readonly column: string;
  readonly distance: number;
}

/** PostgreSQL's hint for a column that does not exist (parse_relation.c errorMissingColumn, fuzzy matches). */
export function suggestion(
  block: Block,
  relation: string | null,
  name: string,
): {readonly hint?: string} {
  const guesses: Guess[] = [];
  for (let level: Block | null = block; level !== null; level = level.outer) {
    const hidden = level.unseen.find(
      item =>
        item.isNamed &&
        (relation === null || relation === item.alias) &&
        item.columns.some(column => column.name === name),
    );
    if (hidden !== undefined)
      return {
        hint: `There is a column named "${name}" in table "${hidden.alias}", but it cannot be referenced from this part of the query.`,
      };
    for (const item of level.items) {
      if (!item.isNamed || item.alias === '') continue;
      const penalty =
        relation === null || relation === item.alias ? 0 : distance(relation, item.alias);
      for (const column of item.columns) {
        const cost = distance(name, column.name) + penalty;
        guesses.push({alias: item.alias, column: column.name, distance: cost});
      }
    }
  }
  if (guesses.length === 0) return {};
  const best = Math.min(...guesses.map(guess => guess.distance));
  const nearest = guesses.filter(guess => guess.distance === best);
  if (best > 3 || best > name.length / 2 || nearest.length > 2) return {};
  const shown = nearest.map(guess => `"${guess.alias}.${guess.column}"`);
  return {hint: `Perhaps you meant to reference the column ${shown.join(' or the column ')}.`};
}

/** Levenshtein distance, costs 1 (as varstr_levenshtein_less_equal is called). */
function distance(left: string, right: string): number {
  let previous = Array.from({length: right.length + 1}, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const change = left[row - 1] === right[column - 1] ? 0 : 1;
      current.push(
        Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + change),
      );
    }
    previous = current;
  }
  return previous[right.length]!;
}
