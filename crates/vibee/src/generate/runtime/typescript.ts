Operations of TypeScript that the language does not have as VIBEE means them. See generate/runtime.rs.
//= int
/** The number, if it is an Int. */
function int(n: bigint): bigint {
  return BigInt.asIntN(64, n) === n ? n : fail("overflow");
}
//= inRange
/** The number, if it lies within the bounds. */
function inRange(n: bigint, lo: bigint, hi: bigint): bigint {
  return lo <= n && n <= hi ? n : fail("range");
}
//= div: int
/** The Euclidean quotient. */
function div(a: bigint, b: bigint): bigint {
  if (b === 0n) fail("div_zero");
  const quotient = a / b;
  return int(a % b < 0n ? (b > 0n ? quotient - 1n : quotient + 1n) : quotient);
}
//= mod
/** The Euclidean remainder. */
function mod(a: bigint, b: bigint): bigint {
  if (b === 0n) fail("div_zero");
  const rest = a % b;
  return rest < 0n ? rest + (b < 0n ? -b : b) : rest;
}
//= quo: int
/** The quotient rounded towards zero. */
function quo(a: bigint, b: bigint): bigint {
  return b === 0n ? fail("div_zero") : int(a / b);
}
//= quo64
/** The quotient rounded down. */
function quo64(a: bigint, b: bigint): bigint {
  return b === 0n ? fail("div_zero") : a / b;
}
//= rem
/** The remainder of `quo`. */
function rem(a: bigint, b: bigint): bigint {
  return b === 0n ? fail("div_zero") : a % b;
}
//= saturate
/** The number, or the bound of Int that it is beyond. */
function saturate(n: bigint): bigint {
  const max = 9223372036854775807n;
  return n > max ? max : n < -max - 1n ? -max - 1n : n;
}
//= unsigned
/** The number, if it is not negative. */
function unsigned(n: bigint): bigint {
  return n < 0n ? fail("range") : n;
}
//= toInt
/** The number of 64 bits as an Int. */
function toInt(n: bigint): bigint {
  return BigInt.asIntN(64, n) === n ? n : fail("range");
}
//= shl
/** Bits moved up. */
function shl(a: bigint, n: bigint): bigint {
  if (n < 0n) fail("range");
  return n > 63n ? 0n : BigInt.asUintN(64, a << n);
}
//= shr
/** Bits moved down. */
function shr(a: bigint, n: bigint): bigint {
  if (n < 0n) fail("range");
  return n > 63n ? 0n : a >> n;
}
//= rotl
/** Bits turned up. */
function rotl(a: bigint, n: bigint): bigint {
  const by = BigInt.asUintN(6, n);
  return BigInt.asUintN(64, (a << by) | (a >> (64n - by)));
}
//= popcount
/** The number of bits that are set. */
function popcount(a: bigint): bigint {
  let count = 0n;
  for (let rest = a; rest > 0n; rest &= rest - 1n) count++;
  return count;
}
//= whole
/** A number without a fraction as an Int. */
function whole(x: number): bigint {
  return x >= -9223372036854775808 && x < 9223372036854775808 ? BigInt(x) : fail("range");
}
//= roundEven: whole
/** Rounded to the nearest, ties to even. */
function roundEven(x: number): bigint {
  const low = Math.floor(x);
  const rest = x - low;
  return whole(rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low);
}
//= float
/** The same number. */
function float(n: bigint): number {
  const x = Number(n);
  return BigInt(x) === n ? x : fail("inexact");
}
//= view
/** Eight bytes, for numbers and their bits. */
const view = new DataView(new ArrayBuffer(8));
//= bits: view
/** The bits of the number; of NaN, always the same. */
function bits(x: number): bigint {
  view.setFloat64(0, x);
  return Number.isNaN(x) ? 0x7ff8000000000000n : view.getBigUint64(0);
}
//= fromBits: view
/** The number of these bits. */
function fromBits(n: bigint): number {
  view.setBigUint64(0, n);
  return view.getFloat64(0);
}
//= bits32: view
/** The bits of the number in 32 bits; of NaN, always the same. */
function bits32(x: number): bigint {
  view.setFloat32(0, x);
  return Number.isNaN(x) ? 0x7fc00000n : BigInt(view.getUint32(0));
}
//= fromBits32: view
/** The number of these 32 bits. */
function fromBits32(n: bigint): number {
  if (n > 0xffffffffn) fail("range");
  view.setUint32(0, Number(n));
  return view.getFloat32(0);
}
//= equal
/** Equal in structure. */
function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  return left.length === right.length && left.every(([key, value], i) => key === right[i]![0] && equal(value, right[i]![1]));
}
//= Order
/** Negative, zero or positive, as the first is before, with or behind the second. */
type Order<T> = (a: T, b: T) => number;
//= compareNative
/** The language's own order: of bigints, booleans and digits. */
function compareNative<T extends bigint | boolean | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
//= compareFloat
/** −0 is before 0, and NaN behind all others. */
function compareFloat(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : Number(Object.is(b, -0)) - Number(Object.is(a, -0));
}
//= compareText
/** By code points, not by the units of UTF-16. */
function compareText(a: string, b: string): number {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()];
  for (;;) {
    const [x, y] = [left.next(), right.next()];
    if (x.done || y.done) return Number(Boolean(y.done)) - Number(Boolean(x.done));
    if (x.value !== y.value) return x.value.codePointAt(0)! - y.value.codePointAt(0)!;
  }
}
//= compareList: Order
/** The first items that differ decide, else the length. */
function compareList<T>(of: Order<T>): Order<ArrayLike<T>> {
  return (a, b) => {
    for (let i = 0; i < a.length && i < b.length; i++) {
      const order = of(a[i]!, b[i]!);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  };
}
//= compareFields: Order
/** The first of these fields that differs decides. */
function compareFields<T>(fields: readonly (readonly [keyof T, Order<never>])[]): Order<T> {
  return (a, b) => {
    for (const [field, of] of fields) {
      const order = of(a[field] as never, b[field] as never);
      if (order !== 0) return order;
    }
    return 0;
  };
}
//= compareOption: Order
/** Nothing is before something. */
function compareOption<T>(of: Order<T>): Order<Option<T>> {
  return (a, b) => {
    if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
    return of(a.some, b.some);
  };
}
//= compareResult: Order
/** Success is before failure. */
function compareResult<T, E>(of: Order<T>, failed: Order<E>): Order<Result<T, E>> {
  return (a, b) => {
    if (a.ok && b.ok) return of(a.value, b.value);
    return a.ok || b.ok ? Number(b.ok) - Number(a.ok) : failed(a.error, b.error);
  };
}
//= compareCases: Order
/** The cases in their order, then what they carry. */
function compareCases<T extends { readonly kind: string }>(
  cases: readonly T["kind"][],
  fields: { readonly [kind: string]: readonly (readonly [string, Order<never>])[] },
): Order<T> {
  return (a, b) => {
    if (a.kind !== b.kind) return cases.indexOf(a.kind) - cases.indexOf(b.kind);
    for (const [field, of] of fields[a.kind] ?? []) {
      const order = of(a[field as keyof T] as never, b[field as keyof T] as never);
      if (order !== 0) return order;
    }
    return 0;
  };
}
//= compareNames: Order
/** Bare cases in their order. */
function compareNames<T extends string>(cases: readonly T[]): Order<T> {
  return (a, b) => cases.indexOf(a) - cases.indexOf(b);
}
//= sign
/** −1, 0 or 1. */
function sign(order: number): bigint {
  return BigInt(Math.sign(order));
}
//= tritAdd
/** The sum's digit and the carry. */
function tritAdd(a: Trit, b: Trit): readonly [Trit, Trit] {
  const sum = a + b;
  const carry: Trit = sum > 1 ? 1 : sum < -1 ? -1 : 0;
  return [(sum - 3 * carry) as Trit, carry];
}
//= tritMin
/** Kleene's and. */
function tritMin(a: Trit, b: Trit): Trit {
  return a < b ? a : b;
}
//= tritMax
/** Kleene's or. */
function tritMax(a: Trit, b: Trit): Trit {
  return a > b ? a : b;
}
//= tritNot
/** Kleene's not. */
function tritNot(a: Trit): Trit {
  return a === 0 ? 0 : a === 1 ? -1 : 1;
}
//= tritXor: tritMin, tritMax, tritNot
/** Kleene's xor. */
function tritXor(a: Trit, b: Trit): Trit {
  return tritMin(tritMax(a, b), tritNot(tritMin(a, b)));
}
//= tritMul
/** The product. */
function tritMul(a: Trit, b: Trit): Trit {
  return a === 0 || b === 0 ? 0 : a === b ? 1 : -1;
}
//= consensus
/** The one that both are, else 0. */
function consensus(a: Trit, b: Trit): Trit {
  return a === b ? a : 0;
}
//= trit
/** The digit of a number from −1 to 1. */
function trit(n: bigint): Trit {
  return -1n <= n && n <= 1n ? (Number(n) as Trit) : fail("range");
}
//= tryteMax
/** The greatest number of so many digits. */
function tryteMax(digits: bigint): bigint {
  return (3n ** digits - 1n) / 2n;
}
//= tryte: tryteMax
/** The number, if it has so many digits. */
function tryte(n: bigint, digits: bigint, fault: FaultKind = "range"): bigint {
  const max = tryteMax(digits);
  return -max <= n && n <= max ? n : fail(fault);
}
//= tryteWrap: tryteMax
/** The number modulo 3ⁿ, centred at 0. */
function tryteWrap(n: bigint, digits: bigint): bigint {
  const [max, size] = [tryteMax(digits), 3n ** digits];
  return ((((n + max) % size) + size) % size) - max;
}
//= tryteDigits: tryteWrap
/** The digits, the most significant first. */
function tryteDigits(n: bigint, digits: bigint): readonly Trit[] {
  const trits: Trit[] = [];
  for (let rest = n, i = 0n; i < digits; i++) {
    const digit = tryteWrap(rest, 1n);
    trits.unshift(Number(digit) as Trit);
    rest = (rest - digit) / 3n;
  }
  return trits;
}
//= fromDigits
/** The number of these digits. */
function fromDigits(trits: readonly Trit[], digits: bigint): bigint {
  if (BigInt(trits.length) !== digits) fail("range");
  return trits.reduce((n, digit) => 3n * n + BigInt(digit), 0n);
}
//= at
/** The item at a position. */
function at<T>(items: ArrayLike<T>, i: bigint): T {
  return 0n <= i && i < items.length ? items[Number(i)]! : fail("index");
}
//= setAt
/** Puts another item at a position. */
function setAt<T>(items: T[], i: bigint, item: T): void {
  if (!(0n <= i && i < items.length)) fail("index");
  items[Number(i)] = item;
}
//= withAt: setAt
/** With another item at a position. */
function withAt<T>(items: readonly T[], i: bigint, item: T): readonly T[] {
  const copy = [...items];
  setAt(copy, i, item);
  return copy;
}
//= slice
/** Items from the first position to before the second. */
function slice<T extends { slice(from: number, to: number): T; readonly length: number }>(items: T, from: bigint, to: bigint): T {
  return 0n <= from && from <= to && to <= items.length ? items.slice(Number(from), Number(to)) : fail("index");
}
//= range
/** Ints from the first to the second. */
function range(from: bigint, to: bigint): readonly bigint[] {
  const items: bigint[] = [];
  for (let i = from; i <= to; i++) items.push(i);
  return items;
}
//= place: Order
/** Where a key stands among sorted ones, or −1 − where it would. */
function place<T, K>(items: readonly T[], key: K, keyOf: (item: T) => K, order: Order<K>): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order(keyOf(items[middle]!), key) < 0) low = middle + 1;
    else high = middle;
  }
  return low < items.length && order(keyOf(items[low]!), key) === 0 ? low : -1 - low;
}
//= setPut: place
/** Puts a member into a sorted list. */
function setPut<K>(set: K[], key: K, order: Order<K>): void {
  const i = place(set, key, (item) => item, order);
  if (i < 0) set.splice(-1 - i, 0, key);
}
//= setDelete: place
/** Takes a member out of a sorted list. */
function setDelete<K>(set: K[], key: K, order: Order<K>): void {
  const i = place(set, key, (item) => item, order);
  if (i >= 0) set.splice(i, 1);
}
//= setHas: place
/** Whether it is a member. */
function setHas<K>(set: readonly K[], key: K, order: Order<K>): boolean {
  return place(set, key, (item) => item, order) >= 0;
}
//= setOf: setPut
/** The members, each once, in order. */
function setOf<K>(items: readonly K[], order: Order<K>): readonly K[] {
  const set: K[] = [];
  for (const item of items) setPut(set, item, order);
  return set;
}
//= mapPut: place
/** Puts a value for a key into sorted pairs. */
function mapPut<K, V>(map: (readonly [K, V])[], key: K, value: V, order: Order<K>): void {
  const i = place(map, key, (pair) => pair[0], order);
  map.splice(i < 0 ? -1 - i : i, i < 0 ? 0 : 1, [key, value]);
}
//= mapDelete: place
/** Takes a key out of sorted pairs. */
function mapDelete<K, V>(map: (readonly [K, V])[], key: K, order: Order<K>): void {
  const i = place(map, key, (pair) => pair[0], order);
  if (i >= 0) map.splice(i, 1);
}
//= mapGet: place
/** The key's value, if there is one. */
function mapGet<K, V>(map: readonly (readonly [K, V])[], key: K, order: Order<K>): Option<V> {
  const i = place(map, key, (pair) => pair[0], order);
  return i < 0 ? undefined : { some: map[i]![1] };
}
//= mapAt: mapGet
/** The key's value. */
function mapAt<K, V>(map: readonly (readonly [K, V])[], key: K, order: Order<K>): V {
  return (mapGet(map, key, order) ?? fail("key")).some;
}
//= mapOf: mapPut
/** Of pairs; of equal keys the last counts. */
function mapOf<K, V>(pairs: readonly (readonly [K, V])[], order: Order<K>): readonly (readonly [K, V])[] {
  const map: (readonly [K, V])[] = [];
  for (const [key, value] of pairs) mapPut(map, key, value, order);
  return map;
}
//= changed
/** A copy, changed. */
function changed<T>(items: readonly T[], change: (copy: T[]) => void): readonly T[] {
  const copy = [...items];
  change(copy);
  return copy;
}
//= some
/** What is there. */
function unwrap<T>(option: Option<T>): T {
  return (option ?? fail("unwrap")).some;
}
//= okOf
/** What went well. */
function unwrapOk<T, E>(result: Result<T, E>): T {
  return result.ok ? result.value : fail("unwrap");
}
//= find
/** The first position where the other text stands. */
function find(text: string, other: string): Option<bigint> {
  const i = text.indexOf(other);
  return i < 0 ? undefined : { some: BigInt([...text.slice(0, i)].length) };
}
//= substring: slice
/** From the first position to before the second, in code points. */
function substring(text: string, from: bigint, to: bigint): string {
  return slice([...text], from, to).join("");
}
//= split
/** The parts between. */
function split(text: string, separator: string): readonly string[] {
  return separator === "" ? fail("range") : text.split(separator);
}
//= code
/** The number of the character. */
function code(text: string): bigint {
  return [...text].length === 1 ? BigInt(text.codePointAt(0)!) : fail("index");
}
//= fromCode
/** The text of that character. */
function fromCode(n: bigint): string {
  const isScalar = (0n <= n && n < 0xd800n) || (0xdfffn < n && n < 0x110000n);
  return isScalar ? String.fromCodePoint(Number(n)) : fail("range");
}
//= parseInt64
/** The number in decimal, if it is an Int. */
function parseInt64(text: string): Option<bigint> {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const n = BigInt(text.replace(/^[+-]/, "")) * (text.startsWith("-") ? -1n : 1n);
  return BigInt.asIntN(64, n) === n ? { some: n } : undefined;
}
//= parseFloat64
/** The number in decimal. */
function parseFloat64(text: string): Option<number> {
  return /^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text) ? { some: Number(text) } : undefined;
}
//= decimal
/** The digits of the number's size as written: with a point from 1e-5 to below 1e16, else as `1.5e-7`. */
function decimal(x: number, shortest: string): string {
  if (Number.isNaN(x)) return "nan";
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  if (!Number.isFinite(x)) return `${sign}inf`;
  const [mantissa, power] = shortest.split("e") as [string, string];
  const [digits, exponent] = [mantissa.replace(".", "").replace(/(?<=.)0+$/, ""), Number(power)];
  if (exponent < -5 || exponent > 15) return `${sign}${digits[0]}${digits.length > 1 ? "." : ""}${digits.slice(1)}e${exponent}`;
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  return `${sign}${digits.slice(0, exponent + 1).padEnd(exponent + 1, "0")}.${digits.slice(exponent + 1) || "0"}`;
}
//= showFloat: decimal
/** The shortest decimal that reads back. */
function showFloat(x: number): string {
  return decimal(x, Math.abs(x).toExponential());
}
//= showFloat32: decimal
/** The shortest decimal that reads back in 32 bits; of two as close, the even one. */
function showFloat32(x: number): string {
  const size = Math.abs(x);
  for (let digits = 0; digits < 9; digits++) {
    const near = size.toExponential(digits);
    const [mantissa, power] = near.split("e") as [string, string];
    const rest = size.toExponential(60).slice(digits > 0 ? digits + 2 : 1).replace(".", "").split("e")[0]!;
    const last = Number(mantissa.at(-1));
    const even = /^50*$/.test(rest) && last % 2 === 1 ? `${mantissa.slice(0, -1)}${last - 1}e${power}` : near;
    for (const text of [even, near]) {
      if (Math.fround(Number(text)) === size) return decimal(x, text);
    }
  }
  return decimal(x, size.toExponential());
}
//= byteAt: at
/** The byte at a position. */
function byteAt(bytes: Uint8Array, i: bigint): bigint {
  return BigInt(at(bytes, i));
}
//= concatBytes
/** One after the other. */
function concatBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
//= sliceBytes
/** From the first position to before the second. */
function sliceBytes(bytes: Uint8Array, from: bigint, to: bigint): Uint8Array {
  return 0n <= from && from <= to && to <= bytes.length ? bytes.slice(Number(from), Number(to)) : fail("index");
}
//= bytesOf
/** The bytes. */
function bytesOf(numbers: readonly bigint[]): Uint8Array {
  return Uint8Array.from(numbers, (n) => (0n <= n && n <= 255n ? Number(n) : fail("range")));
}
//= utf8
/** The text's UTF-8. */
function utf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const c of text) {
    const n = c.codePointAt(0)!;
    if (n < 0x80) bytes.push(n);
    else if (n < 0x800) bytes.push(0xc0 | (n >> 6), 0x80 | (n & 0x3f));
    else if (n < 0x10000) bytes.push(0xe0 | (n >> 12), 0x80 | ((n >> 6) & 0x3f), 0x80 | (n & 0x3f));
    else bytes.push(0xf0 | (n >> 18), 0x80 | ((n >> 12) & 0x3f), 0x80 | ((n >> 6) & 0x3f), 0x80 | (n & 0x3f));
  }
  return Uint8Array.from(bytes);
}
//= decodeUtf8: utf8
/** The text whose UTF-8 it is. */
function decodeUtf8(bytes: Uint8Array): Option<string> {
  let text = "";
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i]!;
    const n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    let c = n === 1 ? first : first & (0xff >> (n + 1));
    for (const byte of bytes.subarray(i + 1, i + n)) c = (c << 6) | (byte & 0x3f);
    if (c > 0x10ffff || (0xd800 <= c && c <= 0xdfff)) return undefined;
    text += String.fromCodePoint(c);
    i += n;
  }
  // What is no UTF-8 does not come back as it was.
  const back = utf8(text);
  return back.length === bytes.length && back.every((byte, i) => byte === bytes[i]) ? { some: text } : undefined;
}
