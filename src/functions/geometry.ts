import {featureNotSupported, PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {TypeInstance, Value} from '../types/contract.ts';
import type {Geometry} from '../types/geometry.ts';
import {GeometryType} from '../types/geometry.ts';
import type {CallTypes, FunctionCode} from './contract.ts';
import {samePoint} from './geometry-plane.ts';
import type {FunctionTable} from './table.ts';
import {divisionByZero} from './table.ts';

type Numbers = readonly number[];
const EPSILON = 1e-6;
const eq = (a: number, b: number): boolean => a === b || Math.abs(a - b) <= EPSILON;
const lt = (a: number, b: number): boolean => a + EPSILON < b;
const le = (a: number, b: number): boolean => a <= b + EPSILON;
const gt = (a: number, b: number): boolean => a > b + EPSILON;
const ge = (a: number, b: number): boolean => a + EPSILON >= b;
const zero = (a: number): boolean => Math.abs(a) <= EPSILON;
const distance = (ax: number, ay: number, bx: number, by: number): number =>
  Math.hypot(ax - bx, ay - by);

/** A geometric type, or null. */
export function geometryType(type: TypeInstance): GeometryType | null {
  return type instanceof GeometryType ? type : null;
}

/** The geometric type of a call's result. */
export function resultType(types: CallTypes): GeometryType {
  if (types.result instanceof GeometryType) return types.result;
  throw featureNotSupported(`type ${types.result.name} is no geometric type`);
}

const plain = (numbers: Numbers): Geometry => ({numbers: [...numbers], isOpen: false});

/** A function whose geometric arguments come as their numbers; other arguments as they are. */
export function over(run: (...args: never[]) => unknown): FunctionCode {
  return {
    fnTyped: types => {
      const readers = types.args.map(geometryType);
      return (...args: Value[]) => {
        const given = args.map((arg, index) => readers[index]?.decode(arg).numbers ?? arg);
        return (run as (...args: unknown[]) => Value)(...given);
      };
    },
  };
}

/** As over, for a function whose result is geometric. */
export function making(run: (...args: never[]) => Numbers | null): FunctionCode {
  return {
    fnTyped: types => {
      const readers = types.args.map(geometryType);
      const writer = resultType(types);
      return (...args: Value[]) => {
        const given = args.map((arg, index) => readers[index]?.decode(arg).numbers ?? arg);
        const numbers = (run as (...args: unknown[]) => Numbers | null)(...given);
        return numbers === null ? null : writer.encode(plain(numbers));
      };
    },
  };
}

/** Box of two corners: the upper right one first. */
const boxOf = (ax: number, ay: number, bx: number, by: number): Numbers => [
  ax > bx ? ax : bx,
  ay > by ? ay : by,
  ax > bx ? bx : ax,
  ay > by ? by : ay,
];
const at = (numbers: Numbers, index: number): number => numbers[index]!;
const x1 = (n: Numbers): number => at(n, 0);
const y1 = (n: Numbers): number => at(n, 1);
const x2 = (n: Numbers): number => at(n, 2);
const y2 = (n: Numbers): number => at(n, 3);
const outOfRange = (what: string): PgError =>
  new PgError(SqlState.numericValueOutOfRange, `value out of range: ${what}`);

/** A result of arithmetic that is infinite, or 0, only where the operands are. */
function checked(result: number, isZero: boolean, ...operands: readonly number[]): number {
  if (Math.abs(result) === Infinity && !operands.some(value => Math.abs(value) === Infinity))
    throw outOfRange('overflow');
  if (result === 0 && !isZero) throw outOfRange('underflow');
  return result;
}

const times = (a: number, b: number): number => checked(a * b, a === 0 || b === 0, a, b);
const over0 = (a: number, b: number): number =>
  checked(a / b, a === 0 || Math.abs(b) === Infinity, a, b);
const plus = (a: number, b: number): number => checked(a + b, true, a, b);
const multiply = (p: Numbers, q: Numbers): Numbers => [
  plus(times(x1(p), x1(q)), -times(y1(p), y1(q))),
  plus(times(x1(p), y1(q)), times(y1(p), x1(q))),
];

function divide(p: Numbers, q: Numbers): Numbers {
  const size = plus(times(x1(q), x1(q)), times(y1(q), y1(q)));
  if (size === 0) throw divisionByZero();
  return [
    over0(plus(times(x1(p), x1(q)), times(y1(p), y1(q))), size),
    over0(plus(times(y1(p), x1(q)), -times(x1(p), y1(q))), size),
  ];
}

const pointFunctions: FunctionTable = {
  construct_point: making((x: number, y: number) => [x, y]),
  point_add: making((p: Numbers, q: Numbers) => [x1(p) + x1(q), y1(p) + y1(q)]),
  point_sub: making((p: Numbers, q: Numbers) => [x1(p) - x1(q), y1(p) - y1(q)]),
  point_mul: making(multiply),
  point_div: making(divide),
  point_eq: over((p: Numbers, q: Numbers) => samePoint([x1(p), y1(p)], [x1(q), y1(q)])),
  point_ne: over((p: Numbers, q: Numbers) => !samePoint([x1(p), y1(p)], [x1(q), y1(q)])),
  point_left: over((p: Numbers, q: Numbers) => lt(x1(p), x1(q))),
  point_right: over((p: Numbers, q: Numbers) => gt(x1(p), x1(q))),
  point_above: over((p: Numbers, q: Numbers) => gt(y1(p), y1(q))),
  point_below: over((p: Numbers, q: Numbers) => lt(y1(p), y1(q))),
  point_vert: over((p: Numbers, q: Numbers) => eq(x1(p), x1(q))),
  point_horiz: over((p: Numbers, q: Numbers) => eq(y1(p), y1(q))),
  point_distance: over((p: Numbers, q: Numbers) => distance(x1(p), y1(p), x1(q), y1(q))),
  point_slope: over((p: Numbers, q: Numbers) => slope(p, q)),
  point_box: making((p: Numbers) => [x1(p), y1(p), x1(p), y1(p)]),
  points_box: making((p: Numbers, q: Numbers) => boxOf(x1(p), y1(p), x1(q), y1(q))),
  lseg_construct: making((p: Numbers, q: Numbers) => [x1(p), y1(p), x1(q), y1(q)]),
  cr_circle: making((p: Numbers, radius: number) => [x1(p), y1(p), radius]),
};

function slope(p: Numbers, q: Numbers): number {
  if (eq(x1(p), x1(q))) return Infinity;
  if (eq(y1(p), y1(q))) return 0;
  return (y1(p) - y1(q)) / (x1(p) - x1(q));
}

const area = (b: Numbers): number => (x1(b) - x2(b)) * (y1(b) - y2(b));
const boxOverlap = (a: Numbers, b: Numbers): boolean =>
  le(x2(a), x1(b)) && le(x2(b), x1(a)) && le(y2(a), y1(b)) && le(y2(b), y1(a));
const boxContain = (a: Numbers, b: Numbers): boolean =>
  ge(x1(a), x1(b)) && le(x2(a), x2(b)) && ge(y1(a), y1(b)) && le(y2(a), y2(b));
const boxHolds = (b: Numbers, p: Numbers): boolean =>
  x1(b) >= x1(p) && x2(b) <= x1(p) && y1(b) >= y1(p) && y2(b) <= y1(p);
const center = (b: Numbers): Numbers => [(x1(b) + x2(b)) / 2, (y1(b) + y2(b)) / 2];
const moved =
  (run: (p: Numbers, q: Numbers) => Numbers) =>
  (b: Numbers, p: Numbers): Numbers => {
    const high = run([x1(b), y1(b)], p);
    const low = run([x2(b), y2(b)], p);
    return boxOf(x1(high), y1(high), x1(low), y1(low));
  };

const boxFunctions: FunctionTable = {
  box_same: over((a: Numbers, b: Numbers) => a.every((value, index) => eq(value, b[index]!))),
  box_overlap: over(boxOverlap),
  box_left: over((a: Numbers, b: Numbers) => lt(x1(a), x2(b))),
  box_overleft: over((a: Numbers, b: Numbers) => le(x1(a), x1(b))),
  box_right: over((a: Numbers, b: Numbers) => gt(x2(a), x1(b))),
  box_overright: over((a: Numbers, b: Numbers) => ge(x2(a), x2(b))),
  box_below: over((a: Numbers, b: Numbers) => lt(y1(a), y2(b))),
  box_overbelow: over((a: Numbers, b: Numbers) => le(y1(a), y1(b))),
  box_above: over((a: Numbers, b: Numbers) => gt(y2(a), y1(b))),
  box_overabove: over((a: Numbers, b: Numbers) => ge(y2(a), y2(b))),
  box_below_eq: over((a: Numbers, b: Numbers) => le(y1(a), y2(b))),
  box_above_eq: over((a: Numbers, b: Numbers) => ge(y2(a), y1(b))),
  box_contain: over(boxContain),
  box_contained: over((a: Numbers, b: Numbers) => boxContain(b, a)),
  box_contain_pt: over(boxHolds),
  on_pb: over((p: Numbers, b: Numbers) => boxHolds(b, p)),
  box_area: over(area),
  box_width: over((b: Numbers) => x1(b) - x2(b)),
  box_height: over((b: Numbers) => y1(b) - y2(b)),
  box_center: making(center),
  box_diagonal: making((b: Numbers) => b),
  box_distance: over((a: Numbers, b: Numbers) =>
    distance(x1(center(a)), y1(center(a)), x1(center(b)), y1(center(b))),
  ),
  box_eq: over((a: Numbers, b: Numbers) => eq(area(a), area(b))),
  box_lt: over((a: Numbers, b: Numbers) => lt(area(a), area(b))),
  box_le: over((a: Numbers, b: Numbers) => le(area(a), area(b))),
  box_gt: over((a: Numbers, b: Numbers) => gt(area(a), area(b))),
  box_ge: over((a: Numbers, b: Numbers) => ge(area(a), area(b))),
  box_add: making((b: Numbers, p: Numbers) => [
    x1(b) + x1(p),
    y1(b) + y1(p),
    x2(b) + x1(p),
    y2(b) + y1(p),
  ]),
  box_sub: making((b: Numbers, p: Numbers) => [
    x1(b) - x1(p),
    y1(b) - y1(p),
    x2(b) - x1(p),
    y2(b) - y1(p),
  ]),
  box_mul: making(moved(multiply)),
  box_div: making(moved(divide)),
  box_intersect: making((a: Numbers, b: Numbers) =>
    boxOverlap(a, b)
      ? [
          Math.min(x1(a), x1(b)),
          Math.min(y1(a), y1(b)),
          Math.max(x2(a), x2(b)),
          Math.max(y2(a), y2(b)),
        ]
      : null,
  ),
  boxes_bound_box: making((a: Numbers, b: Numbers) => [
    Math.max(x1(a), x1(b)),
    Math.max(y1(a), y1(b)),
    Math.min(x2(a), x2(b)),
    Math.min(y2(a), y2(b)),
  ]),
  box_circle: making((b: Numbers) => [
    ...center(b),
    distance(x1(center(b)), y1(center(b)), x1(b), y1(b)),
  ]),
  box_poly: making((b: Numbers) => [x2(b), y2(b), x2(b), y1(b), x1(b), y1(b), x1(b), y2(b)]),
};

const radius = x2;
const circleArea = (c: Numbers): number => radius(c) * radius(c) * Math.PI;
const between = (a: Numbers, b: Numbers): number => distance(x1(a), y1(a), x1(b), y1(b));
const byArea = (test: (a: number, b: number) => boolean): FunctionCode =>
  over((a: Numbers, b: Numbers) => test(circleArea(a), circleArea(b)));
const scaled = (
  run: (p: Numbers, q: Numbers) => Numbers,
  resize: (size: number, by: number) => number,
): FunctionCode =>
  making((c: Numbers, p: Numbers) => [
    ...run([x1(c), y1(c)], p),
    resize(radius(c), Math.hypot(x1(p), y1(p))),
  ]);

const circleFunctions: FunctionTable = {
  circle_same: over(
    (a: Numbers, b: Numbers) => eq(radius(a), radius(b)) && eq(x1(a), x1(b)) && eq(y1(a), y1(b)),
  ),
  circle_overlap: over((a: Numbers, b: Numbers) => le(between(a, b), radius(a) + radius(b))),
  circle_contain: over((a: Numbers, b: Numbers) => le(between(a, b), radius(a) - radius(b))),
  circle_contained: over((a: Numbers, b: Numbers) => le(between(a, b), radius(b) - radius(a))),
  circle_left: over((a: Numbers, b: Numbers) => lt(x1(a) + radius(a), x1(b) - radius(b))),
  circle_right: over((a: Numbers, b: Numbers) => gt(x1(a) - radius(a), x1(b) + radius(b))),
  circle_overleft: over((a: Numbers, b: Numbers) => le(x1(a) + radius(a), x1(b) + radius(b))),
  circle_overright: over((a: Numbers, b: Numbers) => ge(x1(a) - radius(a), x1(b) - radius(b))),
  circle_below: over((a: Numbers, b: Numbers) => lt(y1(a) + radius(a), y1(b) - radius(b))),
  circle_above: over((a: Numbers, b: Numbers) => gt(y1(a) - radius(a), y1(b) + radius(b))),
  circle_overbelow: over((a: Numbers, b: Numbers) => le(y1(a) + radius(a), y1(b) + radius(b))),
  circle_overabove: over((a: Numbers, b: Numbers) => ge(y1(a) - radius(a), y1(b) - radius(b))),
  circle_eq: byArea(eq),
  circle_ne: byArea((a, b) => !eq(a, b)),
  circle_lt: byArea(lt),
  circle_le: byArea(le),
  circle_gt: byArea(gt),
  circle_ge: byArea(ge),
  circle_area: over(circleArea),
  circle_diameter: over((c: Numbers) => 2 * radius(c)),
  circle_radius: over(radius),
  circle_center: making((c: Numbers) => [x1(c), y1(c)]),
  circle_distance: over((a: Numbers, b: Numbers) =>
    Math.max(between(a, b) - (radius(a) + radius(b)), 0),
  ),
  circle_contain_pt: over((c: Numbers, p: Numbers) => between(c, p) <= radius(c)),
  pt_contained_circle: over((p: Numbers, c: Numbers) => between(c, p) <= radius(c)),
  dist_pc: over((p: Numbers, c: Numbers) => Math.max(between(c, p) - radius(c), 0)),
  dist_cpoint: over((c: Numbers, p: Numbers) => Math.max(between(c, p) - radius(c), 0)),
  circle_add_pt: making((c: Numbers, p: Numbers) => [x1(c) + x1(p), y1(c) + y1(p), radius(c)]),
  circle_sub_pt: making((c: Numbers, p: Numbers) => [x1(c) - x1(p), y1(c) - y1(p), radius(c)]),
  circle_mul_pt: scaled(multiply, (size, by) => size * by),
  circle_div_pt: scaled(divide, (size, by) => size / by),
  circle_box: making((c: Numbers) => {
    const delta = radius(c) / Math.SQRT2;
    return [x1(c) + delta, y1(c) + delta, x1(c) - delta, y1(c) - delta];
  }),
};

const lsegSlope = (s: Numbers): number => slope([x1(s), y1(s)], [x2(s), y2(s)]);
const lsegLength = (s: Numbers): number => distance(x1(s), y1(s), x2(s), y2(s));
const sameEnds = (a: Numbers, b: Numbers): boolean =>
  a.every((value, index) => eq(value, b[index]!));

const lsegFunctions: FunctionTable = {
  lseg_length: over(lsegLength),
  lseg_center: making(center),
  lseg_vertical: over((s: Numbers) => eq(x1(s), x2(s))),
  lseg_horizontal: over((s: Numbers) => eq(y1(s), y2(s))),
  lseg_parallel: over((a: Numbers, b: Numbers) => eq(lsegSlope(a), lsegSlope(b))),
  lseg_perp: over((a: Numbers, b: Numbers) => eq(lsegSlope(a), inverseSlope(b))),
  lseg_eq: over(sameEnds),
  lseg_ne: over((a: Numbers, b: Numbers) => !sameEnds(a, b)),
  lseg_lt: over((a: Numbers, b: Numbers) => lt(lsegLength(a), lsegLength(b))),
  lseg_le: over((a: Numbers, b: Numbers) => le(lsegLength(a), lsegLength(b))),
  lseg_gt: over((a: Numbers, b: Numbers) => gt(lsegLength(a), lsegLength(b))),
  lseg_ge: over((a: Numbers, b: Numbers) => ge(lsegLength(a), lsegLength(b))),
  dist_ps: over((p: Numbers, s: Numbers) => segmentDistance(p, s)),
  dist_sp: over((s: Numbers, p: Numbers) => segmentDistance(p, s)),
};

function inverseSlope(s: Numbers): number {
  if (eq(x1(s), x2(s))) return 0;
  if (eq(y1(s), y2(s))) return Infinity;
  return (x1(s) - x2(s)) / (y2(s) - y1(s));
}

function segmentDistance(p: Numbers, s: Numbers): number {
  const dx = x2(s) - x1(s);
  const dy = y2(s) - y1(s);
  const size = dx * dx + dy * dy;
  const share =
    size === 0 ? 0 : Math.min(Math.max(((x1(p) - x1(s)) * dx + (y1(p) - y1(s)) * dy) / size, 0), 1);
  return distance(x1(p), y1(p), x1(s) + share * dx, y1(s) + share * dy);
}

/** Functions of a path's own shape. */
function pathFunction(
  run: (path: Geometry, write: (path: Geometry) => Value) => Value | null,
): FunctionCode {
  return {
    fnTyped: types => {
      const reader = geometryType(types.args[0]!)!;
      return (value: Value) => run(reader.decode(value), path => resultType(types).encode(path));
    },
  };
}

function pathArea({numbers, isOpen}: Geometry): number | null {
  if (isOpen) return null;
  let sum = 0;
  for (let index = 0; index < numbers.length; index += 2) {
    const next = (index + 2) % numbers.length;
    sum += numbers[index]! * numbers[next + 1]! - numbers[index + 1]! * numbers[next]!;
  }
  return Math.abs(sum) / 2;
}

function pathLength({numbers, isOpen}: Geometry): number {
  let sum = 0;
  for (let index = isOpen ? 2 : 0; index < numbers.length; index += 2) {
    const before = index === 0 ? numbers.length - 2 : index - 2;
    sum += distance(numbers[before]!, numbers[before + 1]!, numbers[index]!, numbers[index + 1]!);
  }
  return sum;
}

function bounds(points: Numbers): Numbers {
  const xs = points.filter((_, index) => index % 2 === 0);
  const ys = points.filter((_, index) => index % 2 === 1);
  return [Math.max(...xs), Math.max(...ys), Math.min(...xs), Math.min(...ys)];
}

function polygonCenter(points: Numbers): Numbers {
  const count = points.length / 2;
  let x = 0;
  let y = 0;
  for (let index = 0; index < points.length; index += 2) {
    x += points[index]!;
    y += points[index + 1]!;
  }
  return [x / count, y / count];
}

function polygonCircle(points: Numbers): Numbers {
  const middle = polygonCenter(points);
  let sum = 0;
  for (let index = 0; index < points.length; index += 2)
    sum += distance(points[index]!, points[index + 1]!, x1(middle), y1(middle));
  return [...middle, sum / (points.length / 2)];
}

const relatePolygons = (test: (a: Numbers, b: Numbers) => boolean): FunctionCode =>
  over((a: Numbers, b: Numbers) => test(bounds(a), bounds(b)));

const pathFunctions: FunctionTable = {
  path_npoints: pathFunction(path => path.numbers.length / 2),
  path_isopen: pathFunction(path => path.isOpen),
  path_isclosed: pathFunction(path => !path.isOpen),
  path_open: pathFunction((path, write) => write({numbers: path.numbers, isOpen: true})),
  path_close: pathFunction((path, write) => write({numbers: path.numbers, isOpen: false})),
  path_length: pathFunction(pathLength),
  path_area: pathFunction(pathArea),
  path_poly: pathFunction((path, write) => {
    if (path.isOpen)
      throw new PgError(SqlState.invalidParameterValue, 'open path cannot be converted to polygon');
    return write(path);
  }),
  poly_npoints: over((points: Numbers) => points.length / 2),
  poly_box: making(bounds),
  poly_center: making(polygonCenter),
  poly_circle: making(polygonCircle),
  poly_path: making((points: Numbers) => points),
  poly_left: relatePolygons((a, b) => x1(a) < x2(b)),
  poly_right: relatePolygons((a, b) => x2(a) > x1(b)),
  poly_overleft: relatePolygons((a, b) => x1(a) <= x1(b)),
  poly_overright: relatePolygons((a, b) => x2(a) >= x2(b)),
  poly_below: relatePolygons((a, b) => y1(a) < y2(b)),
  poly_above: relatePolygons((a, b) => y2(a) > y1(b)),
  poly_overbelow: relatePolygons((a, b) => y1(a) <= y1(b)),
  poly_overabove: relatePolygons((a, b) => y2(a) >= y2(b)),
};

const lineFunctions: FunctionTable = {
  line_vertical: over((line: Numbers) => zero(at(line, 1))),
  line_horizontal: over((line: Numbers) => zero(at(line, 0))),
};

/** A number of a point or line, a point of a box or segment, by its place from 0 (PostgreSQL's fixed-length arrays). */
const part: FunctionCode = {
  fnTyped: types => {
    const reader = geometryType(types.args[0]!)!;
    const writer = geometryType(types.result);
    return (value: Value | null, index: number | null) => {
      if (value === null || index === null) return null;
      const {numbers} = reader.decode(value);
      if (writer === null) return numbers[index] ?? null;
      if (index < 0 || index * 2 >= numbers.length) return null;
      return writer.encode(plain(numbers.slice(index * 2, index * 2 + 2)));
    };
  },
};

/** Geometric types (9.11); geometry-relations.ts has what stands between two of them. */
export const geometryFunctions: FunctionTable = {
  ...pointFunctions,
  ...boxFunctions,
  ...circleFunctions,
  ...lsegFunctions,
  ...pathFunctions,
  ...lineFunctions,
  wadi_geometry_part: part,
};
