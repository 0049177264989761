/** Meanings of words in date and time input (PostgreSQL's datetktbl). */
export type DateWord =
  | {readonly kind: 'month'; readonly value: number}
  | {readonly kind: 'dow'}
  | {readonly kind: 'ampm'; readonly isPm: boolean}
  | {readonly kind: 'era'; readonly isBc: boolean}
  | {readonly kind: 'dst'}
  | {readonly kind: 'ignore'}
  | {readonly kind: 'isotime'}
  | {readonly kind: 'julian'}
  | {readonly kind: 'unit'; readonly unit: 'y' | 'm' | 'd' | 'h' | 'mm' | 's'}
  | {readonly kind: 'special'; readonly name: SpecialDate};

/** Words that stand for a whole date or time. */
export type SpecialDate =
  | 'now'
  | 'today'
  | 'tomorrow'
  | 'yesterday'
  | 'epoch'
  | 'infinity'
  | '-infinity'
  | 'allballs';

const months = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
] as const;
const days = [
  'sunday sun',
  'monday mon',
  'tuesday tue tues',
  'wednesday wed weds',
  'thursday thu thur thurs',
  'friday fri',
  'saturday sat',
] as const;
const specials: readonly SpecialDate[] = [
  'now',
  'today',
  'tomorrow',
  'yesterday',
  'epoch',
  'infinity',
  '-infinity',
  'allballs',
];

/** Words by lower-case spelling, cut to ten characters as PostgreSQL does. */
export const dateWords: ReadonlyMap<string, DateWord> = new Map<string, DateWord>([
  ...months.map((name, i): [string, DateWord] => [name, {kind: 'month', value: i + 1}]),
  ...months.map((name, i): [string, DateWord] => [name.slice(0, 3), {kind: 'month', value: i + 1}]),
  ['sept', {kind: 'month', value: 9}],
  ...days.flatMap(names =>
    names.split(' ').map((name): [string, DateWord] => [name, {kind: 'dow'}]),
  ),
  ...specials.map((name): [string, DateWord] => [name, {kind: 'special', name}]),
  ['+infinity', {kind: 'special', name: 'infinity'}],
  ['am', {kind: 'ampm', isPm: false}],
  ['pm', {kind: 'ampm', isPm: true}],
  ['ad', {kind: 'era', isBc: false}],
  ['bc', {kind: 'era', isBc: true}],
  ['dst', {kind: 'dst'}],
  ['at', {kind: 'ignore'}],
  ['on', {kind: 'ignore'}],
  ['t', {kind: 'isotime'}],
  ['j', {kind: 'julian'}],
  ['jd', {kind: 'julian'}],
  ['julian', {kind: 'julian'}],
  ['y', {kind: 'unit', unit: 'y'}],
  ['m', {kind: 'unit', unit: 'm'}],
  ['d', {kind: 'unit', unit: 'd'}],
  ['h', {kind: 'unit', unit: 'h'}],
  ['mm', {kind: 'unit', unit: 'mm'}],
  ['s', {kind: 'unit', unit: 's'}],
]);
