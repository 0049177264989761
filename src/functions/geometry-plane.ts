// Points, lines and segments of the plane, with PostgreSQL's tolerance (geo_ops.c).
import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';

/** A point of the plane. */
export type Point = readonly [number, number];
/** Ax + By + C = 0. */
export type Line = readonly [number, number, number];
/** A segment by its ends. */
export type Segment = readonly [Point, Point];

const EPSILON = 1e-6;
/** Comparisons that do not tell apart what is nearer than the tolerance. */
export const near = {
  eq: (a: number, b: number): boolean => a === b || Math.abs(a - b) <= EPSILON,
  lt: (a: number, b: number): boolean => a + EPSILON < b,
  le: (a: number, b: number): boolean => a <= b + EPSILON,
  gt: (a: number, b: number): boolean => a > b + EPSILON,
  ge: (a: number, b: number): boolean => a + EPSILON >= b,
  zero: (a: number): boolean => Math.abs(a) <= EPSILON,
} as const;
const {eq, zero} = near;

/** Distance of points. */
export const distanceOf = (p: Point, q: Point): number => Math.hypot(p[0] - q[0], p[1] - q[1]);

/** Whether points are the same; NaN equals NaN. */
export function samePoint(p: Point, q: Point): boolean {
  if ([...p, ...q].some(Number.isNaN)) return Object.is(p[0], q[0]) && Object.is(p[1], q[1]);
  return eq(p[0], q[0]) && eq(p[1], q[1]);
}

function slope([p, q]: Segment): number {
  if (eq(p[0], q[0])) return Infinity;
  return eq(p[1], q[1]) ? 0 : (p[1] - q[1]) / (p[0] - q[0]);
}

function inverseSlope([p, q]: Segment): number {
  if (eq(p[0], q[0])) return 0;
  return eq(p[1], q[1]) ? Infinity : (p[0] - q[0]) / (q[1] - p[1]);
}

const noMinusZero = (value: number): number => (value === 0 ? 0 : value);

function lineAt(p: Point, m: number): Line {
  if (m === Infinity) return [-1, 0, noMinusZero(p[0])];
  if (m === 0) return [0, -1, noMinusZero(p[1])];
  return [m, -1, noMinusZero(p[1] - m * p[0])];
}

/** The line through two points. */
export function lineThrough(p: Point, q: Point): Line {
  if (samePoint(p, q))
    throw new PgError(
      SqlState.invalidParameterValue,
      'invalid line specification: must be two distinct points',
    );
  return lineAt(p, slope([p, q]));
}

/** Where lines meet; null when they are parallel. */
export function meetingOfLines(l: Line, k: Line): Point | null {
  const [a, b, c] = l;
  const [d, e, f] = k;
  if (!zero(b)) {
    if (eq(d, a * (e / b))) return null;
    const x = (b * f - e * c) / (a * e - d * b);
    return [noMinusZero(x), noMinusZero(-(a * x + c) / b)];
  }
  if (zero(e) || eq(a, d * (b / e))) return null;
  const x = (e * c - b * f) / (d * b - a * e);
  return [noMinusZero(x), noMinusZero(-(d * x + f) / e)];
}

/** Whether lines are perpendicular. */
export function arePerpendicular([a, b]: Line, [d, e]: Line): boolean {
  if (zero(a)) return zero(e);
  if (zero(d)) return zero(b);
  if (zero(b)) return zero(d);
  if (zero(e)) return zero(a);
  return eq((a * d) / (b * e), -1);
}

/** Whether two equations are of one line. */
export function sameLine(l: Line, k: Line): boolean {
  if ([...l, ...k].some(Number.isNaN)) return l.every((value, at) => Object.is(value, k[at]));
  const at = k.findIndex(value => !zero(value));
  const ratio = at === -1 ? 1 : l[at]! / k[at]!;
  return l.every((value, index) => eq(value, ratio * k[index]!));
}

/** Distance of lines: 0 unless they are parallel. */
export function distanceOfLines(l: Line, k: Line): number {
  if (meetingOfLines(l, k) !== null) return 0;
  const usable = (at: 0 | 1): boolean =>
    !zero(l[at]) && !Number.isNaN(l[at]) && !zero(k[at]) && !Number.isNaN(k[at]);
  const ratio = usable(0) ? l[0] / k[0] : usable(1) ? l[1] / k[1] : 1;
  return Math.abs(l[2] - ratio * k[2]) / Math.hypot(l[0], l[1]);
}

/** Whether a point is on a line. */
export const onLine = (p: Point, [a, b, c]: Line): boolean => zero(a * p[0] + b * p[1] + c);

/** Whether a point is on a segment. */
export const onSegment = (p: Point, s: Segment): boolean =>
  eq(distanceOf(p, s[0]) + distanceOf(p, s[1]), distanceOf(s[0], s[1]));

/** Where a segment meets a line. */
export function meetingWithLine(s: Segment, line: Line): Point | null {
  const met = meetingOfLines(lineAt(s[0], slope(s)), line);
  if (met === null || !onSegment(met, s)) return null;
  return samePoint(s[0], met) ? s[0] : samePoint(s[1], met) ? s[1] : met;
}

/** Where segments meet. */
export function meetingOfSegments(s: Segment, t: Segment): Point | null {
  const met = meetingWithLine(s, lineAt(t[0], slope(t)));
  return met !== null && onSegment(met, t) ? met : null;
}

/** A place and how far it is. */
export interface Closest {
  readonly point: Point;
  readonly distance: number;
}

/** The point of a line that is closest to a point. */
export function closestOnLine(line: Line, p: Point): Closest {
  const [a, b] = line;
  const inverse = zero(a) ? Infinity : zero(b) ? 0 : b / a;
  const point = meetingOfLines(lineAt(p, inverse), line);
  return point === null ? {point: p, distance: NaN} : {point, distance: distanceOf(point, p)};
}

/** The point of a segment that is closest to a line. */
export function closestToLine(s: Segment, line: Line): Closest {
  const met = meetingWithLine(s, line);
  if (met !== null) return {point: met, distance: 0};
  const first = closestOnLine(line, s[0]).distance;
  const second = closestOnLine(line, s[1]).distance;
  return first < second ? {point: s[0], distance: first} : {point: s[1], distance: second};
}

/** The point of a segment that is closest to a point. */
export function closestOnSegment(s: Segment, p: Point): Closest {
  const {point} = closestToLine(s, lineAt(p, inverseSlope(s)));
  return {point, distance: distanceOf(point, p)};
}

/** The point of the first segment that is closest to the second. */
export function closestOfSegments(s: Segment, t: Segment): Closest {
  const met = meetingOfSegments(s, t);
  if (met !== null) return {point: met, distance: 0};
  let best = closestOnSegment(s, t[0]);
  const consider = (point: Point, distance: number): void => {
    if (distance < best.distance) best = {point, distance};
  };
  const other = closestOnSegment(s, t[1]);
  consider(other.point, other.distance);
  consider(s[0], closestOnSegment(t, s[0]).distance);
  consider(s[1], closestOnSegment(t, s[1]).distance);
  return best;
}

/** Whether segments have one slope, so that no point is closest. */
export const areParallel = (s: Segment, t: Segment): boolean => slope(s) === slope(t);

/** Whether a segment has the slope of a line. */
export function isAlong(s: Segment, [a, b]: Line): boolean {
  return slope(s) === (zero(a) ? 0 : zero(b) ? Infinity : a / -b);
}
