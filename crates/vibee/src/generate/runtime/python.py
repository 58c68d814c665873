#= Fault
class Fault(Exception):
    """Why an evaluation ended without a value: `kind` is the name that specifications use."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


#= Some
@dataclass(frozen=True)
class Some(Generic[T]):
    """An optional value that is there; `None` is one that is not."""

    value: T


#= Ok
@dataclass(frozen=True)
class Ok(Generic[T]):
    """What came out right."""

    value: T


#= Err
@dataclass(frozen=True)
class Err(Generic[E]):
    """What was expected to go wrong."""

    error: E


#= Map
class Map(dict[K, V]):
    """A map whose entries stand in the order of their keys. It is never changed in place."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


#= _fault: Fault
def _fault(kind: str) -> NoReturn:
    """Ends the evaluation."""
    raise Fault(kind)


#= _check: Fault
def _check(condition: bool, kind: str) -> None:
    """Ends the evaluation unless the condition holds."""
    if not condition:
        raise Fault(kind)


#= _range: Fault
def _range(value: int, low: int, high: int) -> int:
    """Gives the value if it is between the two, both included."""
    if not low <= value <= high:
        raise Fault("range")
    return value


#= _int: Fault
def _int(value: int) -> int:
    """Gives the value if Int has it."""
    if not -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF:
        raise Fault("overflow")
    return value


#= _saturated
def _saturated(value: int) -> int:
    """Gives the value, or the bound of Int that it is beyond."""
    return max(-0x8000000000000000, min(value, 0x7FFFFFFFFFFFFFFF))


#= _wrapped
def _wrapped(value: int) -> int:
    """Gives the Int that is equal to the value modulo 2**64."""
    return (value + 0x8000000000000000) % 0x10000000000000000 - 0x8000000000000000


#= _div: Fault, _int
def _div(a: int, b: int) -> int:
    """Divides so that the remainder is never negative."""
    if b == 0:
        raise Fault("div_zero")
    return _int(a // b if b > 0 else -(a // -b))


#= _mod: Fault
def _mod(a: int, b: int) -> int:
    """Gives the remainder that is never negative."""
    if b == 0:
        raise Fault("div_zero")
    return a % abs(b)


#= _quo: Fault, _int
def _quo(a: int, b: int) -> int:
    """Divides and rounds towards zero."""
    if b == 0:
        raise Fault("div_zero")
    quotient = abs(a) // abs(b)
    return _int(quotient if (a < 0) == (b < 0) else -quotient)


#= _rem: Fault
def _rem(a: int, b: int) -> int:
    """Gives the remainder that has the sign of the first."""
    if b == 0:
        raise Fault("div_zero")
    remainder = abs(a) % abs(b)
    return -remainder if a < 0 else remainder


#= _u64_div: Fault
def _u64_div(a: int, b: int) -> int:
    """Divides and rounds down."""
    if b == 0:
        raise Fault("div_zero")
    return a // b


#= _u64_mod: Fault
def _u64_mod(a: int, b: int) -> int:
    """Gives the remainder."""
    if b == 0:
        raise Fault("div_zero")
    return a % b


#= _shl: Fault
def _shl(bits: int, count: int) -> int:
    """Moves the bits of a U64 up."""
    if count < 0:
        raise Fault("range")
    return (bits << count) & 0xFFFFFFFFFFFFFFFF if count < 64 else 0


#= _shr: Fault
def _shr(bits: int, count: int) -> int:
    """Moves the bits of a U64 down."""
    if count < 0:
        raise Fault("range")
    return bits >> count if count < 64 else 0


#= _rotl
def _rotl(bits: int, count: int) -> int:
    """Turns the bits of a U64 up."""
    count %= 64
    return (bits << count | bits >> (64 - count)) & 0xFFFFFFFFFFFFFFFF


#= _float_div
def _float_div(a: float, b: float) -> float:
    """Divides as IEEE 754 does."""
    if b != 0.0:
        return a / b
    if a == 0.0 or a != a:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


#= _sqrt
def _sqrt(x: float) -> float:
    """Gives the square root, NaN below zero."""
    return math.nan if x < 0.0 else math.sqrt(x)


#= _f32
def _f32(x: float) -> float:
    """Rounds to the nearest binary32."""
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        rounded = math.copysign(math.inf, x)
    return rounded


#= _whole: Fault
def _whole(x: float, rounded: Callable[[float], int]) -> int:
    """Rounds to an Int."""
    if not -9223372036854775808.0 <= x < 9223372036854775808.0:
        raise Fault("range")
    return rounded(x)


#= _exact: Fault
def _exact(value: int) -> float:
    """Gives the Float that is the same number."""
    x = float(value)
    if int(x) != value:
        raise Fault("inexact")
    return x


#= _bits
def _bits(x: float) -> int:
    """Gives the bits of a binary64."""
    if math.isnan(x):
        return 0x7FF8000000000000
    bits: int = struct.unpack("<Q", struct.pack("<d", x))[0]
    return bits


#= _from_bits
def _from_bits(bits: int) -> float:
    """Gives the binary64 of these bits; every NaN becomes the one."""
    x: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return math.nan if math.isnan(x) else x


#= _f32_bits
def _f32_bits(x: float) -> int:
    """Gives the bits of a binary32."""
    if math.isnan(x):
        return 0x7FC00000
    bits: int = struct.unpack("<I", struct.pack("<f", x))[0]
    return bits


#= _f32_from_bits: Fault
def _f32_from_bits(bits: int) -> float:
    """Gives the binary32 of these bits; every NaN becomes the one."""
    if bits > 0xFFFFFFFF:
        raise Fault("range")
    x: float = struct.unpack("<f", struct.pack("<I", bits))[0]
    return math.nan if math.isnan(x) else x


#= _trit_xor
def _trit_xor(a: int, b: int) -> int:
    """Gives Kleene's exclusive or."""
    return min(max(a, b), -min(a, b))


#= _consensus
def _consensus(a: int, b: int) -> int:
    """Gives the digit that both are, else 0."""
    return a if a == b else 0


#= _trit_add
def _trit_add(a: int, b: int) -> tuple[int, int]:
    """Gives the digit and the carry of a sum."""
    digit = (a + b + 4) % 3 - 1
    return (digit, (a + b - digit) // 3)


#= _tryte: Fault
def _tryte(value: int, width: int) -> int:
    """Gives the value if that many balanced ternary digits hold it."""
    if abs(value) > (3**width - 1) // 2:
        raise Fault("overflow")
    return value


#= _tryte_wrapped
def _tryte_wrapped(value: int, width: int) -> int:
    """Gives the value modulo 3**width, centred at zero."""
    most = (3**width - 1) // 2
    return (value + most) % 3**width - most


#= _digits
def _digits(value: int, width: int) -> tuple[int, ...]:
    """Gives the balanced ternary digits, the most significant first."""
    digits = []
    for _ in range(width):
        digit = (value + 1) % 3 - 1
        digits.append(digit)
        value = (value - digit) // 3
    return tuple(reversed(digits))


#= _from_digits: Fault
def _from_digits(digits: tuple[int, ...], width: int) -> int:
    """Gives the number of balanced ternary digits, the most significant first."""
    if len(digits) != width:
        raise Fault("range")
    value = 0
    for digit in digits:
        value = 3 * value + digit
    return value


#= _unwrap: Fault, Some
def _unwrap(option: Some[T] | None) -> T:
    """Gives what is in an option."""
    if option is None:
        raise Fault("unwrap")
    return option.value


#= _unwrap_ok: Fault, Ok, Err
def _unwrap_ok(result: Ok[T] | Err[E]) -> T:
    """Gives what is in an `Ok`."""
    if isinstance(result, Err):
        raise Fault("unwrap")
    return result.value


#= _at: Fault
def _at(items: Sequence[T], index: int) -> T:
    """Gives the item at a position."""
    if not 0 <= index < len(items):
        raise Fault("index")
    return items[index]


#= _slice: Fault
def _slice(items: S, first: int, end: int) -> S:
    """Gives the items from the first position to before the second."""
    if not 0 <= first <= end <= len(items):
        raise Fault("index")
    return items[first:end]


#= _set: Fault
def _set(items: tuple[T, ...], index: int, item: T) -> tuple[T, ...]:
    """Gives the list with another item at a position."""
    if not 0 <= index < len(items):
        raise Fault("index")
    return (*items[:index], item, *items[index + 1 :])


#= _set_in_place: Fault
def _set_in_place(items: list[T], index: int, item: T) -> None:
    """Puts another item at a position."""
    if not 0 <= index < len(items):
        raise Fault("index")
    items[index] = item


#= _compare: Map, Err
def _compare(a: Any, b: Any) -> int:
    """Gives -1, 0 or 1 by the total order of structure."""
    if isinstance(a, float):
        if math.isnan(a) or math.isnan(b):
            return int(math.isnan(a)) - int(math.isnan(b))
        if a == b == 0.0:
            a, b = math.copysign(1.0, a), math.copysign(1.0, b)
        return int(a > b) - int(a < b)
    if isinstance(a, (int, str, bytes)):
        return int(a > b) - int(a < b)
    if isinstance(a, Enum):
        return int(a.value > b.value) - int(a.value < b.value)
    if a is None or b is None:
        return int(a is not None) - int(b is not None)
    if isinstance(a, frozenset):
        a, b = sorted(a, key=_key), sorted(b, key=_key)
    elif isinstance(a, Map):
        a, b = tuple(a.items()), tuple(b.items())
    elif not isinstance(a, tuple):
        case = _case(a) - _case(b)
        if case != 0:
            return 1 if case > 0 else -1
        a, b = [getattr(a, name) for name in a.__match_args__], [getattr(b, name) for name in b.__match_args__]
    for x, y in zip(a, b):
        order = _compare(x, y)
        if order != 0:
            return order
    return int(len(a) > len(b)) - int(len(a) < len(b))


def _case(value: Any) -> int:
    """Gives the place of an enum's case."""
    return getattr(value, "_CASE", int(isinstance(value, Err)))


_key = functools.cmp_to_key(_compare)


#= _equal: Map
def _equal(a: Any, b: Any) -> bool:
    """Compares structures, with floats by IEEE 754 wherever they stand."""
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, Map):
        return a.keys() == b.keys() and all(_equal(value, b[key]) for key, value in a.items())
    if a is None or b is None or isinstance(a, (int, float, str, bytes, frozenset, Enum)):
        return bool(a == b)
    return type(a) is type(b) and all(_equal(getattr(a, name), getattr(b, name)) for name in a.__match_args__)


#= _in_order: _compare
def _in_order(members: frozenset[K]) -> tuple[K, ...]:
    """Gives the members of a set in order."""
    return tuple(sorted(members, key=_key))


#= _has
def _has(items: Any, item: Any) -> bool:
    """Tells whether a set has a member, or a map a key."""
    return item in items


#= _map_of: Map, _compare
def _map_of(pairs: Iterable[tuple[K, V]]) -> Map[K, V]:
    """Makes a map; of equal keys the last counts."""
    return Map(sorted(dict(pairs).items(), key=lambda entry: _key(entry[0])))


#= _get: Map, Some
def _get(entries: Mapping[K, V], key: K) -> Some[V] | None:
    """Gives the value of a key, if the map has the key."""
    return Some(entries[key]) if key in entries else None


#= _lookup: Fault, Map
def _lookup(entries: Mapping[K, V], key: K) -> V:
    """Gives the value of a key that the map has."""
    if key not in entries:
        raise Fault("key")
    return entries[key]


#= _put: _map_of
def _put(entries: Map[K, V], key: K, value: V) -> Map[K, V]:
    """Gives the map with that value for that key."""
    if key in entries:
        return Map({**entries, key: value})
    return _map_of((*entries.items(), (key, value)))


#= _delete: Map
def _delete(entries: Map[K, V], key: K) -> Map[K, V]:
    """Gives the map without that key."""
    return Map((k, v) for k, v in entries.items() if k != key)


#= _find: Some
def _find(text: str, part: str) -> Some[int] | None:
    """Gives the first position where a part stands."""
    index = text.find(part)
    return Some(index) if index >= 0 else None


#= _split: Fault
def _split(text: str, separator: str) -> tuple[str, ...]:
    """Gives the parts between separators."""
    if separator == "":
        raise Fault("range")
    return tuple(text.split(separator))


#= _join
def _join(parts: tuple[str, ...], separator: str) -> str:
    """Gives the texts with another between them."""
    return separator.join(parts)


#= _code: Fault
def _code(text: str) -> int:
    """Gives the number of the one scalar value."""
    if len(text) != 1:
        raise Fault("index")
    return ord(text)


#= _from_code: Fault
def _from_code(code: int) -> str:
    """Gives the text of a scalar value."""
    if not 0 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise Fault("range")
    return chr(code)


#= _parse_int: Some
def _parse_int(text: str) -> Some[int] | None:
    """Reads an Int."""
    found = re.fullmatch(r"([+-]?)0*([0-9]+)", text)
    if found is None or len(found[2]) > 19:
        return None
    value = int(found[1] + found[2])
    return Some(value) if -0x8000000000000000 <= value <= 0x7FFFFFFFFFFFFFFF else None


#= _parse_float: Some
def _parse_float(text: str) -> Some[float] | None:
    """Reads a Float; what is too large is infinite."""
    found = re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", text)
    return None if found is None else Some(float(text))


#= _show_float: _show_decimal
def _show_float(x: float) -> str:
    """Gives the shortest decimal that reads back as the same Float."""
    if not math.isfinite(x):
        return repr(x)
    return _show_decimal(Decimal(repr(x)))


#= _show_f32: _show_decimal, _f32_bits, _f32_from_bits
def _show_f32(x: float) -> str:
    """Gives the shortest decimal that reads back as the same F32."""
    if not math.isfinite(x) or x == 0.0:
        return repr(x)
    bits = _f32_bits(abs(x))
    exact, below = Fraction(abs(x)), Fraction(_f32_from_bits(bits - 1))
    above = 2 * exact - below if bits == 0x7F7FFFFF else Fraction(_f32_from_bits(bits + 1))
    low, high = (below + exact) / 2, (exact + above) / 2
    for digits in range(1, 10):
        for rounding in (ROUND_HALF_EVEN, ROUND_UP):
            shown = Context(prec=digits, rounding=rounding).plus(Decimal(abs(x)))
            value = Fraction(shown)
            if low < value < high or bits % 2 == 0 and value in (low, high):
                return _show_decimal(shown if x > 0.0 else -shown)
    raise AssertionError("nine digits are enough")


#= _show_decimal
def _show_decimal(value: Decimal) -> str:
    """Writes a decimal with a point, or with an exponent where it is very small or large."""
    sign = "-" if value.is_signed() else ""
    exponent = value.adjusted() if value else 0
    digits = "".join(map(str, value.as_tuple().digits)).rstrip("0") or "0"
    if not -5 <= exponent < 16:
        return f"{sign}{digits[0]}{'.' if len(digits) > 1 else ''}{digits[1:]}e{exponent}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    digits = digits.ljust(exponent + 2, "0")
    return f"{sign}{digits[: exponent + 1]}.{digits[exponent + 1 :]}"


#= _bytes_of: Fault
def _bytes_of(items: tuple[int, ...]) -> bytes:
    """Makes bytes of their numbers."""
    if not all(0 <= item <= 255 for item in items):
        raise Fault("range")
    return bytes(items)


#= _decode_utf8: Some
def _decode_utf8(data: bytes) -> Some[str] | None:
    """Reads UTF-8."""
    try:
        return Some(data.decode("utf-8"))
    except UnicodeDecodeError:
        return None
