import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TypeInstance, Value} from '../types/contract.ts';
import type {Geometry} from '../types/geometry.ts';
import type {FunctionCode} from './contract.ts';
import {geometryType, making, over, resultType} from './geometry.ts';
import {
  areParallel,
  arePerpendicular,
  type Closest,
  closestOfSegments,
  closestOnLine,
  closestOnSegment,
  closestToLine,
  distanceOf,
  distanceOfLines,
  isAlong,
  type Line,
  lineThrough,
  meetingOfLines,
  meetingOfSegments,
  meetingWithLine,
  near,
  onLine,
  onSegment,
  type Point,
  sameLine,
  samePoint,
  type Segment,
} from './geometry-plane.ts';
import {insidePolygon, polygonContains} from './geometry-inside.ts';
import {divisionByZero, type FunctionTable} from './table.ts';

type Numbers = readonly number[];
const point = (n: Numbers): Point => [n[0]!, n[1]!];
const line = (n: Numbers): Line => [n[0]!, n[1]!, n[2]!];
const segment = (n: Numbers): Segment => [
  [n[0]!, n[1]!],
  [n[2]!, n[3]!],
];
const pointsOf = (n: Numbers): Point[] =>
  Array.from({length: n.length / 2}, (_, at): Point => [n[at * 2]!, n[at * 2 + 1]!]);

/** Sides of a box, whose upper right corner comes first. */
function sidesOf(box: Numbers): Segment[] {
  const [highX, highY, lowX, lowY] = box as [number, number, number, number];
  const upperLeft: Point = [lowX, highY];
  const lowerRight: Point = [highX, lowY];
  const low: Point = [lowX, lowY];
  const high: Point = [highX, highY];
  return [
    [low, upperLeft],
    [high, upperLeft],
    [low, lowerRight],
    [high, lowerRight],
  ];
}

const inBox = (p: Point, [highX, highY, lowX, lowY]: Numbers): boolean =>
  highX! >= p[0] && lowX! <= p[0] && highY! >= p[1] && lowY! <= p[1];

function bounds(points: readonly Point[]): [number, number, number, number] {
  const xs = points.map(p => p[0]);
  const ys = points.map(p => p[1]);
  return [Math.max(...xs), Math.max(...ys), Math.min(...xs), Math.min(...ys)];
}

const boxesOverlap = (a: Numbers, b: Numbers): boolean =>
  near.le(a[2]!, b[0]!) && near.le(b[2]!, a[0]!) && near.le(a[3]!, b[1]!) && near.le(b[3]!, a[1]!);

function nearest(candidates: readonly Closest[]): Closest {
  let best = candidates[0]!;
  for (const each of candidates) if (each.distance < best.distance) best = each;
  return best;
}

/** Where a segment that meets a box is nearest to its middle; null when they do not meet. */
function meetingWithBox(box: Numbers, s: Segment): Point | null {
  if (!boxesOverlap(box, bounds(s))) return null;
  const isMet =
    s.some(p => inBox(p, box)) || sidesOf(box).some(side => meetingOfSegments(side, s) !== null);
  if (!isMet) return null;
  return closestOnSegment(s, [(box[0]! + box[2]!) / 2, (box[1]! + box[3]!) / 2]).point;
}

function closestInBox(box: Numbers, p: Point): Closest {
  if (inBox(p, box)) return {point: p, distance: 0};
  return nearest(sidesOf(box).map(side => closestOnSegment(side, p)));
}

function closestOfBox(box: Numbers, s: Segment): Closest {
  const met = meetingWithBox(box, s);
  if (met !== null) return {point: met, distance: 0};
  return nearest(sidesOf(box).map(side => closestOfSegments(side, s)));
}

/** The point, or NULL where nothing is closest. */
const placeOf = ({point: at, distance}: Closest): Numbers | null =>
  Number.isNaN(distance) ? null : at;

const lineFunctions: FunctionTable = {
  line_construct_pp: making((p: Numbers, q: Numbers) => lineThrough(point(p), point(q))),
  line_eq: over((l: Numbers, k: Numbers) => sameLine(line(l), line(k))),
  line_distance: over((l: Numbers, k: Numbers) => distanceOfLines(line(l), line(k))),
  line_interpt: making((l: Numbers, k: Numbers) => meetingOfLines(line(l), line(k))),
  line_intersect: over((l: Numbers, k: Numbers) => meetingOfLines(line(l), line(k)) !== null),
  line_parallel: over((l: Numbers, k: Numbers) => meetingOfLines(line(l), line(k)) === null),
  line_perp: over((l: Numbers, k: Numbers) => arePerpendicular(line(l), line(k))),
  on_pl: over((p: Numbers, l: Numbers) => onLine(point(p), line(l))),
  on_sl: over((s: Numbers, l: Numbers) => segment(s).every(p => onLine(p, line(l)))),
  dist_pl: over((p: Numbers, l: Numbers) => closestOnLine(line(l), point(p)).distance),
  dist_lp: over((l: Numbers, p: Numbers) => closestOnLine(line(l), point(p)).distance),
  dist_sl: over((s: Numbers, l: Numbers) => closestToLine(segment(s), line(l)).distance),
  dist_ls: over((l: Numbers, s: Numbers) => closestToLine(segment(s), line(l)).distance),
  inter_sl: over((s: Numbers, l: Numbers) => meetingWithLine(segment(s), line(l)) !== null),
  inter_lb: over((l: Numbers, b: Numbers) =>
    sidesOf(b).some(side => meetingWithLine(side, line(l)) !== null),
  ),
  close_pl: making((p: Numbers, l: Numbers) => placeOf(closestOnLine(line(l), point(p)))),
  close_ls: making((l: Numbers, s: Numbers) =>
    isAlong(segment(s), line(l)) ? null : placeOf(closestToLine(segment(s), line(l))),
  ),
};

const segmentFunctions: FunctionTable = {
  on_ps: over((p: Numbers, s: Numbers) => onSegment(point(p), segment(s))),
  on_sb: over((s: Numbers, b: Numbers) => segment(s).every(p => inBox(p, b))),
  lseg_interpt: making((s: Numbers, t: Numbers) => meetingOfSegments(segment(s), segment(t))),
  lseg_intersect: over(
    (s: Numbers, t: Numbers) => meetingOfSegments(segment(s), segment(t)) !== null,
  ),
  lseg_distance: over(
    (s: Numbers, t: Numbers) => closestOfSegments(segment(s), segment(t)).distance,
  ),
  close_ps: making((p: Numbers, s: Numbers) => placeOf(closestOnSegment(segment(s), point(p)))),
  close_lseg: making((s: Numbers, t: Numbers) =>
    areParallel(segment(s), segment(t)) ? null : placeOf(closestOfSegments(segment(t), segment(s))),
  ),
  inter_sb: over((s: Numbers, b: Numbers) => meetingWithBox(b, segment(s)) !== null),
  dist_pb: over((p: Numbers, b: Numbers) => closestInBox(b, point(p)).distance),
  dist_bp: over((b: Numbers, p: Numbers) => closestInBox(b, point(p)).distance),
  dist_sb: over((s: Numbers, b: Numbers) => closestOfBox(b, segment(s)).distance),
  dist_bs: over((b: Numbers, s: Numbers) => closestOfBox(b, segment(s)).distance),
  close_pb: making((p: Numbers, b: Numbers) => placeOf(closestInBox(b, point(p)))),
  close_sb: making((s: Numbers, b: Numbers) => placeOf(closestOfBox(b, segment(s)))),
};

/** The segments between points, with the one that closes the figure. */
function edgesOf(points: readonly Point[], isOpen = false): Segment[] {
  const edges: Segment[] = [];
  if (!isOpen) edges.push([points.at(-1)!, points[0]!]);
  for (let at = 1; at < points.length; at++) edges.push([points[at - 1]!, points[at]!]);
  return edges;
}

const least = (edges: readonly Segment[], distance: (edge: Segment) => number): number =>
  Math.min(...edges.map(distance));

/** A function of paths, which come with their openness. */
function overPaths(run: (...args: never[]) => unknown): FunctionCode {
  return {
    fnTyped: types => {
      const readers: readonly ReturnType<typeof geometryType>[] = types.args.map(
        (type: TypeInstance) => geometryType(type),
      );
      const writer = geometryType(types.result) === null ? null : resultType(types);
      return (...args: Value[]): Value | null => {
        const given = args.map((arg, at) => readers[at]!.decode(arg));
        const result = (run as (...args: Geometry[]) => unknown)(...given);
        if (writer === null || result === null) return result as Value | null;
        return writer.encode(result as Geometry);
      };
    },
  };
}

const edgesOfPath = (path: Geometry): Segment[] => edgesOf(pointsOf(path.numbers), path.isOpen);
const counted = (test: (a: number, b: number) => boolean): FunctionCode =>
  over((a: Numbers, b: Numbers) => test(a.length, b.length));

/** Every point of a path moved by a point. */
const moved = (change: (p: Point, by: Point) => Point): FunctionCode =>
  overPaths((path: Geometry, by: Geometry) => ({
    numbers: pointsOf(path.numbers).flatMap(p => [...change(p, point(by.numbers))]),
    isOpen: path.isOpen,
  }));

function divided(p: Point, q: Point): Point {
  const size = q[0] * q[0] + q[1] * q[1];
  if (size === 0) throw divisionByZero();
  return [(p[0] * q[0] + p[1] * q[1]) / size, (p[1] * q[0] - p[0] * q[1]) / size];
}

function pathsMeet(a: Geometry, b: Geometry): boolean {
  if (!boxesOverlap(bounds(pointsOf(a.numbers)), bounds(pointsOf(b.numbers)))) return false;
  const others = edgesOfPath(b);
  return edgesOfPath(a).some(edge => others.some(other => meetingOfSegments(edge, other) !== null));
}

const pathFunctions: FunctionTable = {
  path_n_eq: counted((a, b) => a === b),
  path_n_lt: counted((a, b) => a < b),
  path_n_le: counted((a, b) => a <= b),
  path_n_gt: counted((a, b) => a > b),
  path_n_ge: counted((a, b) => a >= b),
  path_add: overPaths((a: Geometry, b: Geometry) =>
    a.isOpen && b.isOpen ? {numbers: [...a.numbers, ...b.numbers], isOpen: true} : null,
  ),
  path_add_pt: moved((p, q) => [p[0] + q[0], p[1] + q[1]]),
  path_sub_pt: moved((p, q) => [p[0] - q[0], p[1] - q[1]]),
  path_mul_pt: moved((p, q) => [p[0] * q[0] - p[1] * q[1], p[0] * q[1] + p[1] * q[0]]),
  path_div_pt: moved(divided),
  path_inter: overPaths(pathsMeet),
  path_distance: overPaths((a: Geometry, b: Geometry) =>
    least(edgesOfPath(a), edge =>
      least(edgesOfPath(b), other => closestOfSegments(edge, other).distance),
    ),
  ),
  dist_ppath: overPaths((p: Geometry, path: Geometry) => toPath(point(p.numbers), path)),
  dist_pathp: overPaths((path: Geometry, p: Geometry) => toPath(point(p.numbers), path)),
  on_ppath: overPaths((p: Geometry, path: Geometry) => {
    const at = point(p.numbers);
    const points = pointsOf(path.numbers);
    if (!path.isOpen) return insidePolygon(at, points);
    return edgesOf(points, true).some(edge => onSegment(at, edge));
  }),
};

function toPath(p: Point, path: Geometry): number {
  if (path.numbers.length === 2) return distanceOf(p, point(path.numbers));
  return least(edgesOfPath(path), edge => closestOnSegment(edge, p).distance);
}

function toPolygon(p: Point, polygon: readonly Point[]): number {
  if (insidePolygon(p, polygon)) return 0;
  return least(edgesOf(polygon), edge => closestOnSegment(edge, p).distance);
}

function polygonsOverlap(a: readonly Point[], b: readonly Point[]): boolean {
  if (!boxesOverlap(bounds(a), bounds(b))) return false;
  const others = edgesOf(b);
  const cross = edgesOf(a).some(edge =>
    others.some(other => meetingOfSegments(edge, other) !== null),
  );
  return cross || insidePolygon(a[0]!, b) || insidePolygon(b[0]!, a);
}

/** Whether polygons have the same points in the same order, from any one on, in either direction. */
function samePolygon(a: readonly Point[], b: readonly Point[]): boolean {
  const size = a.length;
  if (size !== b.length) return false;
  return b.some((first, at) => {
    if (!samePoint(first, a[0]!)) return false;
    const follows = (step: 1 | -1): boolean =>
      a.every((p, index) => samePoint(p, b[(at + step * index + size * 2) % size]!));
    return follows(1) || follows(-1);
  });
}

const inPolygon = (p: Numbers, polygon: Numbers): boolean =>
  insidePolygon(point(p), pointsOf(polygon));
const circleToPolygon = (c: Numbers, polygon: Numbers): number =>
  Math.max(toPolygon(point(c), pointsOf(polygon)) - c[2]!, 0);

function contains(outer: Numbers, inner: Numbers): boolean {
  const [a, b] = [pointsOf(outer), pointsOf(inner)];
  const [big, small] = [bounds(a), bounds(b)];
  const fits =
    near.ge(big[0], small[0]) &&
    near.le(big[2], small[2]) &&
    near.ge(big[1], small[1]) &&
    near.le(big[3], small[3]);
  return fits && polygonContains(a, b);
}

function polygonOfCircle(count: number, circle: Numbers): Numbers {
  const [x, y, radius] = circle as [number, number, number];
  if (near.zero(radius))
    throw featureNotSupported('cannot convert circle with radius zero to polygon');
  if (count < 2)
    throw new PgError(SqlState.invalidParameterValue, 'must request at least 2 points');
  const step = (2 * Math.PI) / count;
  return Array.from({length: count}, (_, at) => [
    x - radius * Math.cos(step * at),
    y + radius * Math.sin(step * at),
  ]).flat();
}

const polygonFunctions: FunctionTable = {
  poly_contain_pt: over((polygon: Numbers, p: Numbers) => inPolygon(p, polygon)),
  pt_contained_poly: over(inPolygon),
  poly_contain: over(contains),
  poly_contained: over((inner: Numbers, outer: Numbers) => contains(outer, inner)),
  poly_overlap: over((a: Numbers, b: Numbers) => polygonsOverlap(pointsOf(a), pointsOf(b))),
  poly_same: over((a: Numbers, b: Numbers) => samePolygon(pointsOf(a), pointsOf(b))),
  poly_distance: over((a: Numbers, b: Numbers) =>
    polygonsOverlap(pointsOf(a), pointsOf(b))
      ? 0
      : least(edgesOf(pointsOf(a)), edge =>
          least(edgesOf(pointsOf(b)), other => closestOfSegments(edge, other).distance),
        ),
  ),
  dist_ppoly: over((p: Numbers, polygon: Numbers) => toPolygon(point(p), pointsOf(polygon))),
  dist_polyp: over((polygon: Numbers, p: Numbers) => toPolygon(point(p), pointsOf(polygon))),
  dist_cpoly: over(circleToPolygon),
  dist_polyc: over((polygon: Numbers, c: Numbers) => circleToPolygon(c, polygon)),
  circle_poly: making(polygonOfCircle),
};

/** Relations between geometric values: intersections, distances, closest points, containment (9.11). */
export const geometryRelations: FunctionTable = {
  ...lineFunctions,
  ...segmentFunctions,
  ...pathFunctions,
  ...polygonFunctions,
};
