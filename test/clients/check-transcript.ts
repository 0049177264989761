import type {Test} from 'tap';
import {expectedLines, sectionsOf, type ProgramResult} from './transcript.ts';

/** Asserts that a program ended well and printed, section by section, what it printed with PostgreSQL 15. */
export function checkTranscript(t: Test, name: string, result: ProgramResult): void {
  t.equal(result.code, 0, `${name} ends well\n${result.stderr.slice(-4_000)}`);
  const actual = sectionsOf(result.stdout.trimEnd().split('\n'));
  const expected = sectionsOf(expectedLines(name, result.stdout));
  t.ok(expected.size > 0, 'there is something to compare with');
  for (const [section, lines] of expected) t.same(actual.get(section), lines, section);
  t.same([...actual.keys()], [...expected.keys()], 'no other sections');
}
